import type { ExtendedOption, FlagSink } from './flag-row.ts'

/** memcached's numbers of ssl_verify_mode; 3 differs from 2 only when a session is renegotiated. */
const VERIFY_MODES: readonly string[] = ['none', 'request', 'require', 'require']
/** And of ssl_min_version. */
const VERSIONS: readonly string[] = ['tlsv1.0', 'tlsv1.1', 'tlsv1.2', 'tlsv1.3']
/** And of ssl_keyformat, which are OpenSSL's. */
const KEY_FORMATS: ReadonlyMap<string, string> = new Map([
  ['1', 'pem'],
  ['2', 'der'],
])

/** The part of memcached's -o list that is about TLS. */
export const TLS_OPTIONS: readonly ExtendedOption[] = [
  option(
    'ssl_chain_cert',
    '<file>',
    'tls.certFile',
    'PEM file of the certificate chain',
    (text) => text,
  ),
  option('ssl_key', '<file>', 'tls.keyFile', 'file of the private key', (text) => text),
  option(
    'ssl_keyformat',
    '<1|2>',
    'tls.keyFormat',
    'its format: 1 PEM, 2 DER',
    (text) => KEY_FORMATS.get(text) ?? text,
  ),
  option(
    'ssl_verify_mode',
    '<0..3>',
    'tls.verify',
    'client certificates: 0 none, 1 request, 2 and 3 require',
    (text) => VERIFY_MODES[Number(text)] ?? text,
  ),
  option('ssl_ciphers', '<list>', 'tls.ciphers', 'cipher list of OpenSSL', (text) => text),
  option(
    'ssl_ca_cert',
    '<file>',
    'tls.caFile',
    'PEM file of the authorities of client certificates',
    (text) => text,
  ),
  option(
    'ssl_min_version',
    '<0..3>',
    'tls.minVersion',
    'oldest version: 0 TLS 1.0 to 3 TLS 1.3',
    (text) => VERSIONS[Number(text)] ?? text,
  ),
  {
    name: 'ssl_session_cache',
    argument: '',
    key: 'tls.sessionTickets',
    doc: 'let clients resume sessions, which is the default here',
    apply: (sink) => sink.set('tls.sessionTickets', true),
  },
  {
    name: 'ssl_wbuf_size',
    argument: '<kilobytes>',
    key: 'tls.writeBufferSize',
    doc: '',
    apply: (sink, text) => {
      sink.set('tls.writeBufferSize', /^\d+$/.test(text) ? `${text}kb` : text)
      sink.note('has no effect here, except on what stats shows')
    },
  },
  {
    name: 'ssl_kernel_tls',
    argument: '',
    key: '',
    doc: '',
    apply: (sink) => sink.note('has no effect here: Node does not hand TLS to the kernel'),
  },
]

function option(
  name: string,
  argument: string,
  key: string,
  doc: string,
  read: (text: string) => string,
): ExtendedOption {
  return { name, argument, key, doc, apply: (sink: FlagSink, text) => sink.set(key, read(text)) }
}
