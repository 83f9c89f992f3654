import { version } from '../version.ts'
import type { InputSchema } from './input-schema.ts'
import { PROBLEM_SCHEMA, PROBLEM_TYPE } from './problem.ts'
import type { Route } from './route.ts'

const PROBLEM_REPLY = {
  description: 'Problem details (RFC 9457).',
  content: { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
}

/** Required of every path that does not say otherwise. */
const TOKEN_SCHEME = {
  token: {
    type: 'http',
    scheme: 'bearer',
    description: 'A token of sidecar.tokenFile.',
  },
} as const

/**
 * What the sidecar answers, as an OpenAPI 3.1 document made from the routes themselves.
 *
 * @param needsToken all but the open routes do
 */
export function openApiDocument(routes: readonly Route[], needsToken: boolean): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'memc-kv sidecar',
      version,
      description: 'Probes, figures and pages for operators. Nothing here reads or writes items.',
    },
    paths,
    ...(needsToken ? { security: [{ token: [] }] } : {}),
    components: {
      schemas: { Problem: PROBLEM_SCHEMA },
      ...(needsToken ? { securitySchemes: TOKEN_SCHEME } : {}),
    },
  }
}

function operationOf(route: Route): object {
  const replies = Object.entries(route.replies).map(([status, reply]) => {
    const types = reply.contentTypes ?? ['application/json']
    return [
      status,
      {
        description: reply.description,
        content: Object.fromEntries(
          types.map((type) => [type, { schema: schemaFor(type, reply) }]),
        ),
      },
    ]
  })
  return {
    summary: route.summary,
    ...(route.open === true ? { security: [] } : {}),
    ...(route.query === undefined ? {} : { parameters: parametersOf(route.query) }),
    ...(route.body === undefined ? {} : { requestBody: bodyOf(route.body) }),
    responses: { ...Object.fromEntries(replies), default: PROBLEM_REPLY },
  }
}

/** A reply that can be JSON or text has a schema for the former only. */
function schemaFor(type: string, reply: Route['replies'][number]): object {
  return type === 'application/json' ? reply.schema : { type: 'string' }
}

function parametersOf(query: InputSchema): object[] {
  return Object.entries(query.properties).map(([name, field]) => {
    const { description, ...schema } = field
    const required = query.required?.includes(name) ?? false
    return { name, in: 'query', required, description, schema }
  })
}

function bodyOf(schema: InputSchema): object {
  return { required: true, content: { 'application/json': { schema } } }
}
