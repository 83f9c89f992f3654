import type { Config } from '../base/config.ts'
import type { Source } from './config-error.ts'
import { ConfigError, DEFAULT_SOURCE, printSource, reasonOf } from './config-error.ts'

/**
 * How the settings of TLS go together, as far as they say it themselves; whether the files can be
 * used is seen when they are read (tls/material.ts).
 */
export function checkTls(
  config: Config,
  sources: ReadonlyMap<string, Source>,
  warnings: string[],
): void {
  const { listen, tls } = config
  const refuse = refusal(sources)
  checkSidecar(config.sidecar, refuse)
  const marks = listen.addresses.map((address) => address.tls)
  if (!tls.enabled) {
    const mark = marks.find((each) => each === 'btls' || each === 'mtls')
    if (mark !== undefined) refuse('listen.addresses', `${mark}: needs tls.enabled (-Z)`)
    refuseUnused(tls, refuse)
    return
  }
  const hasPort = listen.addresses.some(({ port }) => port !== 0) || listen.port !== 0
  if (listen.unixSocket !== '' || !hasPort) {
    refuse('tls.enabled', 'there is no TLS without a TCP port (listen.port, listen.addresses)')
  }
  if (tls.certFile === '') {
    refuse('tls.enabled', 'it needs tls.certFile (-o ssl_chain_cert), the file of the certificate')
  }
  if (tls.keyFormat === 'der' && tls.keyFile === '') {
    refuse('tls.keyFormat', 'der needs tls.keyFile (-o ssl_key), a file with nothing but the key')
  }
  const asks = tls.verify !== 'none' && marks.includes('default')
  if ((asks || marks.includes('mtls')) && tls.caFile === '') {
    const key = asks ? 'tls.verify' : 'listen.addresses'
    refuse(key, 'certificates of clients need tls.caFile (-o ssl_ca_cert) to be verified against')
  }
  if (tls.caFile !== '' && !asksForCertificates(config)) {
    warnings.push(
      `tls.caFile ${tls.caFile}: no client is asked for a certificate (tls.verify none, and no mtls: in listen.addresses)`,
    )
  }
  if (tls.minVersion === 'tlsv1.0' || tls.minVersion === 'tlsv1.1') {
    warnings.push(
      `tls.minVersion ${tls.minVersion}: outdated, and of use only with ciphers at @SECLEVEL=0`,
    )
  }
}

/** Whether there is a port where clients may show a certificate. */
export function asksForCertificates({ listen, tls }: Pick<Config, 'listen' | 'tls'>): boolean {
  if (!tls.enabled || listen.unixSocket !== '') return false
  return listen.addresses.some(
    (address) => address.tls === 'mtls' || (address.tls === 'default' && tls.verify !== 'none'),
  )
}

/** Whoever sets these expects TLS; without it, everything would go over the network as it is. */
function refuseUnused(tls: Config['tls'], refuse: Refusal): void {
  for (const key of ['certFile', 'keyFile', 'caFile'] as const) {
    if (tls[key] !== '')
      refuse(`tls.${key}`, 'it needs tls.enabled (-Z); nothing would be encrypted')
  }
  if (tls.verify !== 'none') {
    refuse('tls.verify', 'it needs tls.enabled (-Z); nothing would be encrypted')
  }
}

type Refusal = (key: string, why: string) => never

function refusal(sources: ReadonlyMap<string, Source>): Refusal {
  return (key, why) => {
    const source = sources.get(key) ?? DEFAULT_SOURCE
    throw new ConfigError(reasonOf(source), `${key} (${printSource(source)}): ${why}`)
  }
}

function checkSidecar(sidecar: Config['sidecar'], refuse: Refusal): void {
  for (const key of ['tlsKeyFile', 'tlsCaFile'] as const) {
    if (sidecar[key] === '' || sidecar.tlsCertFile !== '') continue
    refuse(`sidecar.${key}`, 'it needs sidecar.tlsCertFile, the file of the certificate')
  }
}
