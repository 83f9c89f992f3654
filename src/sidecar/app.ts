import type { Socket } from 'node:net'
import type {
  FastifyError,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifyServerOptions,
} from 'fastify'
import { fastify } from 'fastify'
import type { Logger } from 'pino'
import { accepts } from './accept.ts'
import type { InputSchema } from './input-schema.ts'
import { checkInput } from './input-schema.ts'
import { PROBLEM_TYPE, problemOf, RouteError } from './problem.ts'
import { Room } from './room.ts'
import type { Route } from './route.ts'
import type { SidecarTls } from './secure.ts'
import { requireCertificates, secureOptions } from './secure.ts'
import type { TokenCheck } from './token-check.ts'
import { requireToken } from './token-check.ts'

/** The only body there is: a log level. */
const BODY_BYTES_MAX = 16 * 1024
const HEADER_BYTES_MAX = 16 * 1024
const HEADERS_MILLISECONDS = 5_000
const REQUEST_MILLISECONDS = 10_000
const ANSWER_MILLISECONDS = 10_000
/** How often Node looks for connections that are over one of the times above. */
const TIMES_CHECK_MILLISECONDS = 2_000
/** A socket on which nothing moves, also one that does not take its answer. */
const SOCKET_MILLISECONDS = 30_000
/** Above the minute that scrapes may lie apart, so that Prometheus keeps its connection. */
const KEEP_ALIVE_MILLISECONDS = 75_000

const PARSING = {
  maxHeaderSize: HEADER_BYTES_MAX,
  headersTimeout: HEADERS_MILLISECONDS,
  connectionsCheckingInterval: TIMES_CHECK_MILLISECONDS,
}

/** An id that a proxy or a person gave; anything else is replaced. */
const REQUEST_ID = /^[\w.:-]{1,64}$/

/** Who gets in; null: everybody does. */
export interface AppGuards {
  /** For everything that is not a probe. */
  readonly tokens: TokenCheck | null
  /** HTTPS instead of HTTP. */
  readonly tls: SidecarTls | null
}

const NO_GUARDS: AppGuards = { tokens: null, tls: null }

/** Fastify with these routes and our ways of refusing; it does not listen yet. */
export function createApp(
  routes: readonly Route[],
  log: Logger,
  { tokens, tls }: AppGuards = NO_GUARDS,
): FastifyInstance {
  const app = fastify({
    // Its own lines would be two for each probe, at info; the hook below writes one, at debug.
    logger: false,
    ...(tls === null ? { http: PARSING } : { https: { ...PARSING, ...secureOptions(tls) } }),
    requestTimeout: REQUEST_MILLISECONDS,
    handlerTimeout: ANSWER_MILLISECONDS,
    connectionTimeout: SOCKET_MILLISECONDS,
    keepAliveTimeout: KEEP_ALIVE_MILLISECONDS,
    bodyLimit: BODY_BYTES_MAX,
    forceCloseConnections: 'idle',
    genReqId: requestIds(),
    clientErrorHandler: refuseUnread,
    frameworkErrors: (error, request, reply) => answerError(error, request, reply, log),
    schemaController: { compilersFactory: COMPILERS },
  })
  new Room(app.server, log)
  app.removeContentTypeParser('text/plain')
  app.setErrorHandler<FastifyError>((error, request, reply) =>
    answerError(error, request, reply, log),
  )
  app.setNotFoundHandler((request, reply) => answerUnknown(routes, request, reply))
  app.addHook('onRequest', (request, reply, done) => {
    // Room has closed it, and more of its requests lie in what was read before.
    if (request.raw.socket.destroyed) reply.hijack()
    else done()
  })
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'x-request-id': request.id,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
  })
  if (tokens !== null) requireToken(app, routes, tokens)
  if (tls !== null && tls.material.ca !== '') requireCertificates(app, routes)
  app.addHook('onResponse', async (request, reply) => logRequest(log, request, reply))
  for (const route of routes) addRoute(app, route)
  return app
}

function addRoute(app: FastifyInstance, route: Route): void {
  const { method, path, query, body, answer } = route
  const contentTypes = Object.values(route.replies).flatMap(
    (reply) => reply.contentTypes ?? ['application/json'],
  )
  app.route({
    method,
    url: path,
    schema: {
      ...(query === undefined ? {} : { querystring: query }),
      ...(body === undefined ? {} : { body }),
    },
    handler: async (request, reply) => {
      const { accept } = request.headers
      const refused =
        route.negotiates !== true && !contentTypes.some((type) => accepts(accept, type))
      if (refused) {
        throw new RouteError(406, `this path answers with ${[...new Set(contentTypes)].join(', ')}`)
      }
      return await answer(request, reply)
    },
  })
}

/**
 * Fastify has types only for the compilers that it would load otherwise. Ours is called like them and
 * compiles nothing.
 */
const COMPILERS = { buildValidator, buildSerializer } as unknown as Compilers
type Compilers = NonNullable<
  NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']
>

function buildValidator() {
  return ({ schema, httpPart }: { schema: unknown; httpPart?: string }) =>
    (input: unknown): { value: unknown } | { error: Error } => {
      const place = httpPart === 'querystring' ? 'query' : 'body'
      const checked = checkInput(schema as InputSchema, input, place === 'query')
      if ('value' in checked) return checked
      return { error: new RouteError(400, `the ${place} is not allowed: ${checked.problem}`) }
    }
}

/** A few replies a second need no serializer of their own. */
function buildSerializer() {
  return () => JSON.stringify
}

function requestIds(): (request: { headers: NodeJS.Dict<string | string[]> }) => string {
  const start = Date.now().toString(36)
  let count = 0
  return (request) => {
    const given = request.headers['x-request-id']
    if (typeof given === 'string' && REQUEST_ID.test(given)) return given
    count++
    return `${start}-${count.toString(36)}`
  }
}

/** Where Fastify's own words do not help. */
const DETAILS: Readonly<Record<number, string>> = {
  413: `a body of more than ${BODY_BYTES_MAX} bytes is not allowed`,
  415: 'the body must be sent as application/json',
}

function answerError(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
  log: Logger,
): void {
  const status = error.statusCode ?? 500
  const ours = status >= 500 && !(error instanceof RouteError)
  if (status >= 500) {
    const { method, id } = request
    const cause = ours ? error.stack : error.message
    log.error({ requestId: id, method, path: pathOf(request), status, cause }, 'no answer')
  }
  const detail = ours
    ? 'the server could not make this page; its log says why'
    : (DETAILS[status] ?? error.message)
  reply
    .code(status)
    .type(PROBLEM_TYPE)
    .send(problemOf(status, detail, request.id))
}

function answerUnknown(
  routes: readonly Route[],
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const path = pathOf(request)
  const methods = routes.filter((route) => route.path === path).map((route) => route.method)
  const status = methods.length === 0 ? 404 : 405
  if (status === 405) {
    reply.header('allow', (methods.includes('GET') ? ['HEAD', ...methods] : methods).join(', '))
  }
  const detail =
    status === 404 ? `nothing is here; / lists what there is` : `${request.method} is not allowed`
  reply
    .code(status)
    .type(PROBLEM_TYPE)
    .send(problemOf(status, detail, request.id))
}

/** Without the query, which is for the page alone. */
function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? ''
}

function logRequest(log: Logger, request: FastifyRequest, reply: FastifyReply): void {
  const { method, id } = request
  const line = {
    requestId: id,
    method,
    path: pathOf(request),
    status: reply.statusCode,
    milliseconds: Math.round(reply.elapsedTime * 10) / 10,
  }
  log.debug(line, 'answered')
}

const UNREAD_STATUSES: Readonly<Record<string, [status: number, detail: string]>> = {
  HPE_HEADER_OVERFLOW: [431, `headers of more than ${HEADER_BYTES_MAX} bytes are not allowed`],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'the request did not arrive in time'],
}

/** What Node could not read as a request: nothing but the socket is there to answer on. */
function refuseUnread(error: Error & { code?: string }, socket: Socket): void {
  // Who does not speak TLS on a port that does could not read an answer either.
  const isTls = error.code?.startsWith('ERR_SSL_') ?? false
  if (error.code === 'ECONNRESET' || isTls || !socket.writable) {
    socket.destroy()
    return
  }
  const unread = UNREAD_STATUSES[error.code ?? '']
  const [status, detail] = unread ?? [400, 'this is not an HTTP request']
  const problem = problemOf(status, detail)
  const body = JSON.stringify(problem)
  socket.end(
    `HTTP/1.1 ${status} ${problem.title}\r\ncontent-type: ${PROBLEM_TYPE}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  )
}
