import type { ServerOptions } from 'node:https'
import type { TLSSocket } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import type { TlsMaterial } from '../base/messages.ts'
import type { ContextSettings } from '../tls/contexts.ts'
import { contextOptions } from '../tls/contexts.ts'
import { RouteError } from './problem.ts'
import type { Route } from './route.ts'
import { openPaths } from './route.ts'

/** The sidecar's own certificate. */
export interface SidecarTls {
  readonly material: TlsMaterial
  readonly settings: ContextSettings
}

/** A client that does not finish its handshake takes a place until then. */
const HANDSHAKE_MILLISECONDS = 5_000

export function secureOptions({ material, settings }: SidecarTls): ServerOptions {
  const verify = material.ca === '' ? 'none' : 'request'
  return {
    ...contextOptions(material, settings, verify),
    requestCert: verify !== 'none',
    // A probe without one is answered; everything else is decided by requireCertificates.
    rejectUnauthorized: false,
    handshakeTimeout: HANDSHAKE_MILLISECONDS,
    ALPNProtocols: ['http/1.1'],
  }
}

/**
 * With sidecar.tlsCaFile only who shows a certificate of that authority gets more than the open routes,
 * for which the kubelet and load balancers ask.
 */
export function requireCertificates(app: FastifyInstance, routes: readonly Route[]): void {
  const open = openPaths(routes)
  app.addHook('onRequest', async (request) => {
    const path = request.routeOptions.url
    if ((path !== undefined && open.has(path)) || (request.raw.socket as TLSSocket).authorized)
      return
    throw new RouteError(403, 'this needs a client certificate that the server trusts')
  })
}
