import {
  boolean,
  duration,
  FILE_PATH_BYTES_MAX,
  integer,
  oneOf,
  path,
  size,
  text,
} from './formats.ts'
import { setting } from './setting.ts'

const KIB = 1024
const MIB = 1024 * KIB
const SECOND = 1000
const HOUR = 3600 * SECOND

/** The longest list that OpenSSL prints is below 4 KiB. */
const CIPHERS_BYTES_MAX = 4096

/** TLS of the sidecar, which has a certificate of its own. */
export const sidecarTlsSchema = {
  tlsCertFile: setting(
    path({ bytesMax: FILE_PATH_BYTES_MAX }),
    '',
    'MEMCKV_SIDECAR_TLS_CERT_FILE',
    'PEM file of a certificate: the sidecar then speaks HTTPS and nothing else',
  ),
  tlsKeyFile: setting(
    path({ bytesMax: FILE_PATH_BYTES_MAX }),
    '',
    'MEMCKV_SIDECAR_TLS_KEY_FILE',
    'PEM file of its private key, without a passphrase; nothing: in sidecar.tlsCertFile',
  ),
  tlsCaFile: setting(
    path({ bytesMax: FILE_PATH_BYTES_MAX }),
    '',
    'MEMCKV_SIDECAR_TLS_CA_FILE',
    'PEM file of authorities: all but the probes then needs a client certificate of theirs',
  ),
}

/** TLS of the data port. docs/tls.md says how the settings go together. */
export const tlsSchema = {
  enabled: setting(
    boolean(),
    false,
    'MEMCKV_TLS_ENABLED',
    'TLS on every TCP listener that is not marked notls:',
  ),
  certFile: setting(
    path({ bytesMax: FILE_PATH_BYTES_MAX }),
    '',
    'MEMCKV_TLS_CERT_FILE',
    "PEM file of the server's certificate and the intermediate ones behind it",
  ),
  keyFile: setting(
    path({ bytesMax: FILE_PATH_BYTES_MAX }),
    '',
    'MEMCKV_TLS_KEY_FILE',
    "file of the certificate's private key, without a passphrase; nothing: in tls.certFile",
  ),
  keyFormat: setting(oneOf('pem', 'der'), 'pem', 'MEMCKV_TLS_KEY_FORMAT', 'format of tls.keyFile'),
  caFile: setting(
    path({ bytesMax: FILE_PATH_BYTES_MAX }),
    '',
    'MEMCKV_TLS_CA_FILE',
    'PEM file of the authorities whose client certificates are accepted',
  ),
  verify: setting(
    oneOf('none', 'request', 'require'),
    'none',
    'MEMCKV_TLS_VERIFY',
    'certificates of clients: none asked for; asked for and verified when there is one; required',
  ),
  minVersion: setting(
    oneOf('tlsv1.0', 'tlsv1.1', 'tlsv1.2', 'tlsv1.3'),
    'tlsv1.2',
    'MEMCKV_TLS_MIN_VERSION',
    'oldest version of TLS that is spoken',
  ),
  ciphers: setting(
    text({ bytesMax: CIPHERS_BYTES_MAX }),
    '',
    'MEMCKV_TLS_CIPHERS',
    "cipher list in OpenSSL's words, the suites of TLS 1.3 among them; nothing: Node's own list",
  ),
  sessionTickets: setting(
    boolean(),
    true,
    'MEMCKV_TLS_SESSION_TICKETS',
    'let clients resume a session, at any worker, instead of a whole handshake',
  ),
  handshakeTimeout: setting(
    duration({ min: 100, max: HOUR }),
    10 * SECOND,
    'MEMCKV_TLS_HANDSHAKE_TIMEOUT',
    'close a connection whose handshake takes longer',
  ),
  handshakesMax: setting(
    integer({ min: 16, max: 65535 }),
    256,
    'MEMCKV_TLS_HANDSHAKES_MAX',
    'handshakes under way at the same time; one more ends the oldest',
  ),
  writeBufferSize: setting(
    size({ min: KIB, max: 64 * MIB }),
    16 * KIB,
    'MEMCKV_TLS_WRITE_BUFFER_SIZE',
    'reported as ssl_wbuf_size; no connection has a buffer of its own',
  ),
}
