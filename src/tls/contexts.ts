import { constants } from 'node:crypto'
import type { SecureContext, SecureContextOptions, SecureVersion } from 'node:tls'
import { createSecureContext, DEFAULT_CIPHERS } from 'node:tls'
import type { TlsConfig, TlsVerify, TlsVersion } from '../base/config.ts'
import type { TlsMaterial } from '../base/messages.ts'

const VERSIONS: Record<TlsVersion, SecureVersion> = {
  'tlsv1.0': 'TLSv1',
  'tlsv1.1': 'TLSv1.1',
  'tlsv1.2': 'TLSv1.2',
  'tlsv1.3': 'TLSv1.3',
}

/** How the suites of TLS 1.3 begin, and no others. */
const TLS13_PREFIX = 'TLS_'

export type ContextSettings = Pick<TlsConfig, 'minVersion' | 'ciphers' | 'sessionTickets'>

/** What handshakes are made with; throws what OpenSSL says against the settings. */
export function createContext(
  material: TlsMaterial,
  settings: ContextSettings,
  verify: TlsVerify,
): SecureContext {
  return createSecureContext(contextOptions(material, settings, verify))
}

export function contextOptions(
  material: TlsMaterial,
  settings: ContextSettings,
  verify: TlsVerify,
): SecureContextOptions {
  const { cert, key, ca, ticketKeys } = material
  const noTickets = settings.sessionTickets ? 0 : constants.SSL_OP_NO_TICKET
  return {
    cert,
    key,
    // Also the names that are sent to clients, for them to choose a certificate by.
    ...(verify === 'none' ? {} : { ca }),
    ciphers: completeCiphers(settings.ciphers),
    minVersion: VERSIONS[settings.minVersion],
    honorCipherOrder: true,
    // Nobody needs a second handshake on a connection, and it costs the server more than the client.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | noTickets,
    ticketKeys: Buffer.from(ticketKeys),
    // A session is only resumed where the same was asked of its client: one that began on a listener
    // without client certificates must not get by the listener that requires them.
    sessionIdContext: `memc-kv ${verify}`,
  }
}

/**
 * Node takes a list without suites of TLS 1.3 for the wish not to speak it. memcached's ssl_ciphers
 * is about older versions only, so there the suites of TLS 1.3 stay as they are.
 */
function completeCiphers(ciphers: string): string {
  if (ciphers === '') return DEFAULT_CIPHERS
  const isTls13 = (name: string): boolean => name.startsWith(TLS13_PREFIX)
  if (ciphers.split(':').some(isTls13)) return ciphers
  return [...DEFAULT_CIPHERS.split(':').filter(isTls13), ciphers].join(':')
}
