import type { FastifyInstance } from 'fastify'
import { RouteError } from './problem.ts'
import type { Route } from './route.ts'
import { openPaths } from './route.ts'

/** Decides who may ask for more than the probes (sidecar.tokenFile). */
export interface TokenCheck {
  /**
   * @param header Authorization, as it came
   * @returns tooMany: others were wrong so often that nobody looks any more for a moment
   */
  check(header: string | undefined, address: string, path: string): TokenVerdict
}

export type TokenVerdict = 'right' | 'missing' | 'wrong' | 'tooMany'

export const RETRY_SECONDS = 1

/** Everything but the open routes needs a token, paths that do not exist included. */
export function requireToken(
  app: FastifyInstance,
  routes: readonly Route[],
  tokens: TokenCheck,
): void {
  const open = openPaths(routes)
  app.addHook('onRequest', async (request, reply) => {
    const path = request.routeOptions.url
    if (path !== undefined && open.has(path)) return
    const verdict = tokens.check(request.headers.authorization, request.ip, path ?? 'unknown')
    if (verdict === 'right') return
    if (verdict === 'tooMany') {
      reply.header('retry-after', String(RETRY_SECONDS))
      throw new RouteError(429, 'too many requests without a right token')
    }
    const error = verdict === 'wrong' ? ', error="invalid_token"' : ''
    reply.header('www-authenticate', `Bearer realm="memc-kv"${error}`)
    throw new RouteError(401, 'this path needs a token: Authorization: Bearer …')
  })
}
