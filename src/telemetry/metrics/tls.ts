import { COUNTER } from '../counters.ts'
import type { Family, Sample } from './family.ts'
import { byLabel, counter, gauge } from './family.ts'
import type { Scrape } from './scrape.ts'
import type { CertificateFigures } from './source.ts'

/** TLS: handshakes and connections of the data port, certificates of both ports. */
export const TLS_FAMILIES: readonly Family[] = [
  byLabel(
    'counter',
    'memckv_tls_handshakes_total',
    'TLS handshakes of the data port by how they ended.',
    'result',
    ({ counters }) => RESULTS.map(([result, index]) => [result, counters[index] as number]),
  ),
  gauge(
    'memckv_tls_handshakes_under_way',
    'TLS handshakes that have begun and not ended.',
    ({ counters }) => counters[COUNTER.tlsHandshaking] as number,
  ),
  gauge(
    'memckv_tls_connections',
    'Open connections over TLS.',
    ({ counters }) => counters[COUNTER.tlsConnections] as number,
  ),
  counter(
    'memckv_tls_protocol_errors_total',
    'Connections that TLS broke after their handshake.',
    ({ counters }) => counters[COUNTER.tlsProtocolErrors] as number,
  ),
  counter(
    'memckv_tls_hellos_refused_total',
    'Clients that began TLS on a port without it.',
    ({ counters }) => counters[COUNTER.tlsHellosRefused] as number,
  ),
  ofCertificate(
    'memckv_tls_certificate_not_after_seconds',
    'When the certificate in use ends, in Unix time; the first of its chain to end.',
    ({ notAfterSeconds }) => notAfterSeconds,
  ),
  ofCertificate(
    'memckv_tls_certificate_not_before_seconds',
    'When the certificate that ends first began, in Unix time: how long it lives says how early to renew it.',
    ({ notBeforeSeconds }) => notBeforeSeconds,
  ),
  ofCertificate(
    'memckv_tls_reload_success',
    '1 when the last reading of certificate and key was done well.',
    ({ lastReloadOk }) => (lastReloadOk ? 1 : 0),
  ),
  ofCertificate(
    'memckv_tls_reload_timestamp_seconds',
    'When certificate and key in use were read, in Unix time.',
    ({ lastReloadSeconds }) => lastReloadSeconds,
  ),
]

const RESULTS = [
  ['full', COUNTER.tlsHandshakesFull],
  ['resumed', COUNTER.tlsHandshakesResumed],
  ['failed', COUNTER.tlsHandshakesFailed],
  ['refused', COUNTER.tlsHandshakesRefused],
  ['plain', COUNTER.tlsHandshakesPlain],
  ['timeout', COUNTER.tlsHandshakesTimedOut],
  ['dropped', COUNTER.tlsHandshakesDropped],
] as const

/** One series for each port that has a certificate: none where there is no TLS. */
function ofCertificate(
  name: string,
  help: string,
  value: (figures: CertificateFigures) => number,
): Family {
  return {
    name,
    type: 'gauge',
    help,
    labelNames: ['port'],
    collect: ({ source }: Scrape): Sample[] =>
      source
        .certificates()
        .map((figures) => ({ value: value(figures), labels: { port: figures.port } })),
  }
}
