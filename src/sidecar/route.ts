import type { FastifyReply, FastifyRequest } from 'fastify'
import type { InputSchema } from './input-schema.ts'

/** A JSON schema, for the document and for the tests that hold replies against it. */
export type ReplySchema = Readonly<Record<string, unknown>>

export interface ReplyDescription {
  readonly description: string
  /** application/json if nothing is said. */
  readonly contentTypes?: readonly string[]
  readonly schema: ReplySchema
}

/**
 * One path of the sidecar. The server, the document at /openapi.json, the list at / and the tests
 * are all made from this one description.
 */
export interface Route {
  readonly method: 'GET' | 'PUT'
  readonly path: string
  readonly summary: string
  /**
   * What may stand behind the question mark, and in the body; anything else is refused. A path
   * without one does not look at its query: whoever puts something there must not make a probe fail.
   */
  readonly query?: InputSchema
  readonly body?: InputSchema
  /** By status; those of problem details are added by the document itself. */
  readonly replies: Readonly<Record<number, ReplyDescription>>
  /** Needs neither token nor certificate, whatever the settings say: a probe. */
  readonly open?: boolean
  /** It looks at the Accept header by itself; else a client that takes none of the types is refused. */
  readonly negotiates?: boolean
  /** What it returns is the body: an object as JSON, or text after it has set its content type. */
  readonly answer: (request: FastifyRequest, reply: FastifyReply) => unknown
}

/** Of the routes that anybody may ask for. */
export function openPaths(routes: readonly Route[]): ReadonlySet<string> {
  return new Set(routes.filter((route) => route.open === true).map((route) => route.path))
}
