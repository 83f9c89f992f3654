import type { Config } from '../base/config.ts'
import type { TlsFiles } from '../tls/material.ts'

/** Where certificate and key of the data port are, and what the settings are called that say so. */
export function dataPortFiles(tls: Config['tls']): TlsFiles {
  return {
    ...tls,
    names: { cert: 'tls.certFile', key: 'tls.keyFile', ca: 'tls.caFile', ciphers: 'tls.ciphers' },
  }
}
