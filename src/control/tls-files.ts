import type { Config } from '../base/config.ts'
import { fatal } from '../base/fatal.ts'
import type { LoadedMaterial, TlsFiles } from '../tls/material.ts'
import { loadMaterial, TlsFileError } from '../tls/material.ts'

/** The same of the sidecar, which has no settings for versions and ciphers. */
export function sidecarFiles(sidecar: Config['sidecar']): TlsFiles {
  return {
    certFile: sidecar.tlsCertFile,
    keyFile: sidecar.tlsKeyFile,
    keyFormat: 'pem',
    caFile: sidecar.tlsCaFile,
    ciphers: '',
    minVersion: 'tlsv1.2',
    sessionTickets: true,
    names: {
      cert: 'sidecar.tlsCertFile',
      key: 'sidecar.tlsKeyFile',
      ca: 'sidecar.tlsCaFile',
      ciphers: '',
    },
  }
}

/** Read them, or end with the reason. */
export function loadOrEnd(files: TlsFiles): LoadedMaterial {
  try {
    return loadMaterial(files)
  } catch (error) {
    if (error instanceof TlsFileError) fatal('tlsFile', error.message)
    throw error
  }
}

/** Where certificate and key of the data port are, and what the settings are called that say so. */
export function dataPortFiles(tls: Config['tls']): TlsFiles {
  return {
    ...tls,
    names: { cert: 'tls.certFile', key: 'tls.keyFile', ca: 'tls.caFile', ciphers: 'tls.ciphers' },
  }
}
