import type { Schema } from 'convict'
import type { Config } from '../base/config.ts'
import { MEMORY_BYTES_MAX } from '../base/config.ts'
import { authSchema, sidecarTokenFile } from './auth-schema.ts'
import { compatSchema } from './compat-schema.ts'
import {
  boolean,
  character,
  duration,
  FILE_PATH_BYTES_MAX,
  integer,
  integerOrAuto,
  listenAddresses,
  octal,
  oneOf,
  path,
  size,
  text,
} from './formats.ts'
import type { Setting } from './setting.ts'
import { setting } from './setting.ts'
import { sidecarTlsSchema, tlsSchema } from './tls-schema.ts'

/**
 * Every setting once: what it is for, what is allowed, what it is by default and the name of its
 * environment variable. Flags, help, --print-config and docs/configuration.md all come from here.
 */
const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB
const SECOND = 1000
const HOUR = 3600 * SECOND

/** The address of a unix socket has 108 bytes, the last being NUL (unix(7)). */
const UNIX_PATH_BYTES_MAX = 107
/** RFC 1035, section 2.3.4. */
const HOST_NAME_BYTES_MAX = 253

export const schema = {
  listen: {
    port: setting(
      integer({ min: -1, max: 65535, note: '0 none, -1 any free one' }),
      6001,
      'MEMCKV_LISTEN_PORT',
      'TCP port to listen on; 0 none, -1 any free one',
    ),
    addresses: setting(
      listenAddresses(),
      [{ host: '*', port: 0, protocol: 'auto', tag: '', tls: 'default' }],
      'MEMCKV_LISTEN_ADDRESSES',
      'addresses to listen on: host, host:port, [v6]:port, or * for all of IPv4 and IPv6',
    ),
    unixSocket: setting(
      path({ bytesMax: UNIX_PATH_BYTES_MAX }),
      '',
      'MEMCKV_LISTEN_UNIX_SOCKET',
      'path of a unix socket to listen on instead of TCP',
    ),
    unixMask: setting(
      octal(),
      0o700,
      'MEMCKV_LISTEN_UNIX_MASK',
      'permissions of the unix socket, in octal',
    ),
    backlog: setting(
      integer({ min: 1, max: 65535 }),
      1024,
      'MEMCKV_LISTEN_BACKLOG',
      'connections that may wait to be accepted, for each listener',
    ),
    rawSockets: setting(
      boolean(),
      true,
      'MEMCKV_LISTEN_RAW_SOCKETS',
      'work on the accepted handles themselves; false: on net.Socket, slower, documented parts of Node only',
    ),
  },
  memory: {
    limit: setting(
      size({ min: MIB, max: MEMORY_BYTES_MAX }),
      64 * MIB,
      'MEMCKV_MEMORY_LIMIT',
      'memory for items and their index',
    ),
    evict: setting(
      boolean(),
      true,
      'MEMCKV_MEMORY_EVICT',
      'evict items when memory is full; false: refuse to store',
    ),
    policy: setting(
      oneOf('s3-fifo', 'lru'),
      's3-fifo',
      'MEMCKV_MEMORY_POLICY',
      'which items to evict first',
    ),
    promoteThreshold: setting(
      integer({ min: 1, max: 3 }),
      1,
      'MEMCKV_MEMORY_PROMOTE_THRESHOLD',
      's3-fifo: hits that take a new item of mean size into the main log',
    ),
  },
  items: {
    maxSize: setting(
      size({ min: KIB, max: GIB }),
      MIB,
      'MEMCKV_ITEMS_MAX_SIZE',
      'largest item; at most half of memory.limit',
    ),
    cas: setting(
      boolean(),
      true,
      'MEMCKV_ITEMS_CAS',
      'give each item a CAS value; false: all are 0',
    ),
  },
  connections: {
    max: setting(
      integer({ min: 1, max: 1_000_000 }),
      1024,
      'MEMCKV_CONNECTIONS_MAX',
      'client connections at the same time',
    ),
    maxFast: setting(
      boolean(),
      true,
      'MEMCKV_CONNECTIONS_MAX_FAST',
      'refuse connections over the limit with an error line; false: stop accepting',
    ),
    idleTimeout: setting(
      duration({ min: SECOND, max: 8760 * HOUR, zero: 'never' }),
      0,
      'MEMCKV_CONNECTIONS_IDLE_TIMEOUT',
      'close a connection that is idle for longer; 0 never',
    ),
    requestTimeout: setting(
      duration({ min: SECOND, max: HOUR, zero: 'never' }),
      60 * SECOND,
      'MEMCKV_CONNECTIONS_REQUEST_TIMEOUT',
      'close a connection whose command is not complete for longer, with one second more for each 16 KiB of it that came; 0 never',
    ),
    writeTimeout: setting(
      duration({ min: SECOND, max: HOUR, zero: 'never' }),
      60 * SECOND,
      'MEMCKV_CONNECTIONS_WRITE_TIMEOUT',
      'close a connection that takes nothing of its replies for longer; 0 never',
    ),
    requestsPerTurn: setting(
      integer({ min: 1, max: 1_000_000 }),
      // memcached's 20 would cut a pipelined batch in two and cost a write for each part.
      200,
      'MEMCKV_CONNECTIONS_REQUESTS_PER_TURN',
      "commands of one connection before it is another's turn",
    ),
  },
  workers: {
    count: setting(
      integerOrAuto({ min: 1, max: 128 }),
      0,
      'MEMCKV_WORKERS_COUNT',
      'worker threads; auto: CPU affinity and cgroup quota, at most 4',
    ),
    heartbeatTimeout: setting(
      duration({ min: SECOND, max: HOUR, zero: 'never' }),
      10 * SECOND,
      'MEMCKV_WORKERS_HEARTBEAT_TIMEOUT',
      'end the process when a worker makes no progress for that long; 0 never',
    ),
  },
  commands: {
    flushAll: setting(boolean(), true, 'MEMCKV_COMMANDS_FLUSH_ALL', 'allow flush_all'),
    dump: setting(
      boolean(),
      true,
      'MEMCKV_COMMANDS_DUMP',
      'allow stats cachedump, stats detail and lru_crawler metadump and mgdump',
    ),
    watch: setting(boolean(), true, 'MEMCKV_COMMANDS_WATCH', 'allow watch'),
    shutdown: setting(boolean(), false, 'MEMCKV_COMMANDS_SHUTDOWN', 'allow shutdown'),
    debug: setting(
      boolean(),
      false,
      'MEMCKV_COMMANDS_DEBUG',
      'allow debugtime (for tests); MEMCKV_DEBUG is the same',
    ),
  },
  stats: {
    prefixDelimiter: setting(
      character(),
      ':',
      'MEMCKV_STATS_PREFIX_DELIMITER',
      'what ends the prefix of a key in stats detail',
    ),
    detail: setting(
      boolean(),
      false,
      'MEMCKV_STATS_DETAIL',
      'count by key prefix from the start (stats detail on)',
    ),
    trackSizes: setting(
      boolean(),
      false,
      'MEMCKV_STATS_TRACK_SIZES',
      'answer stats sizes with a histogram',
    ),
  },
  auth: authSchema,
  protocol: {
    binding: setting(
      oneOf('auto', 'ascii', 'binary'),
      'auto',
      'MEMCKV_PROTOCOL_BINDING',
      'protocol that clients may speak',
    ),
  },
  watch: {
    bufferSize: setting(
      size({ min: KIB, max: 256 * MIB }),
      256 * KIB,
      'MEMCKV_WATCH_BUFFER_SIZE',
      'events that may wait for one slow watcher',
    ),
  },
  log: {
    level: setting(
      oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace'),
      'info',
      'MEMCKV_LOG_LEVEL',
      'least important lines to log',
    ),
    format: setting(
      oneOf('auto', 'json', 'pretty'),
      'auto',
      'MEMCKV_LOG_FORMAT',
      'JSON lines, or for people; auto: for people on a terminal',
    ),
    verbosity: setting(
      integer({ min: 0, max: 3 }),
      0,
      'MEMCKV_LOG_VERBOSITY',
      '1 logs debug lines too, 2 and 3 trace lines',
    ),
    slowThreshold: setting(
      duration({ min: 1, max: HOUR, zero: 'never' }),
      50,
      'MEMCKV_LOG_SLOW_THRESHOLD',
      'log and count commands that took longer; 0 never',
    ),
    slowRate: setting(
      integer({ min: 1, max: 1000 }),
      10,
      'MEMCKV_LOG_SLOW_RATE',
      'lines about slow commands in a second, at most',
    ),
  },
  sidecar: {
    port: setting(
      integer({ min: -1, max: 65535, note: '0 none, -1 any free one' }),
      9150,
      'MEMCKV_SIDECAR_PORT',
      'HTTP port of probes, metrics and administration; 0 none, -1 any free one',
    ),
    address: setting(
      path({ bytesMax: HOST_NAME_BYTES_MAX }),
      '*',
      'MEMCKV_SIDECAR_ADDRESS',
      'address that the sidecar port listens on; * for all of IPv4 and IPv6',
    ),
    tokenFile: sidecarTokenFile,
    ...sidecarTlsSchema,
  },
  metrics: {
    latency: setting(
      boolean(),
      true,
      'MEMCKV_METRICS_LATENCY',
      'measure how long commands take (memckv_command_duration_seconds)',
    ),
    slabs: setting(
      oneOf('aggregate', 'full', 'off'),
      'aggregate',
      'MEMCKV_METRICS_SLABS',
      "memcached's series by slab class: one sum, all of them, or only the one an alert needs",
    ),
  },
  traces: {
    enabled: setting(
      oneOf('auto', 'on', 'off'),
      'auto',
      'MEMCKV_TRACES_ENABLED',
      'make OpenTelemetry spans; auto: when OTEL_* variables say where to send them',
    ),
    slow: setting(
      boolean(),
      true,
      'MEMCKV_TRACES_SLOW',
      'spans for commands beyond log.slowThreshold, also when the client did not ask',
    ),
    errors: setting(
      boolean(),
      true,
      'MEMCKV_TRACES_ERRORS',
      'spans for requests answered by an error, also when the client did not ask',
    ),
    rateLimit: setting(
      integer({ min: 0, max: 100_000 }),
      100,
      'MEMCKV_TRACES_RATE_LIMIT',
      'spans in a second that the server begins of itself, at most',
    ),
    keys: setting(
      oneOf('off', 'prefix', 'hash'),
      'off',
      'MEMCKV_TRACES_KEYS',
      'what of a key a span shows: nothing, up to stats.prefixDelimiter, or a salted hash',
    ),
    tokenPrefix: setting(
      text({ bytesMax: 16 }),
      '',
      'MEMCKV_TRACES_TOKEN_PREFIX',
      'what stands before the traceparent in the L token of a meta command',
    ),
  },
  process: {
    daemon: setting(
      boolean(),
      false,
      'MEMCKV_PROCESS_DAEMON',
      'detach from the terminal; the caller goes on when the server is ready',
    ),
    pidFile: setting(
      path({ bytesMax: FILE_PATH_BYTES_MAX }),
      '',
      'MEMCKV_PROCESS_PID_FILE',
      'with process.daemon: file for the process number, removed at the end',
    ),
  },
  shutdown: {
    delay: setting(
      duration({ max: HOUR }),
      0,
      'MEMCKV_SHUTDOWN_DELAY',
      'after the signal, go on accepting for that long',
    ),
    drain: setting(
      duration({ max: HOUR }),
      0,
      'MEMCKV_SHUTDOWN_DRAIN',
      'spread the closing of idle connections over that long',
    ),
    grace: setting(
      duration({ max: HOUR }),
      5 * SECOND,
      'MEMCKV_SHUTDOWN_GRACE',
      'after the drain, wait that long for commands in flight',
    ),
  },
  tls: tlsSchema,
  compat: compatSchema,
} satisfies SchemaOf<Config>

/** Ties each leaf of the schema to the type of the value that Config promises. */
type SchemaOf<T> = {
  readonly [Section in keyof T]: {
    readonly [Key in keyof T[Section]]: Setting<T[Section][Key]>
  }
}

/** The same object as convict's own type wants to see it. */
export const convictSchema = schema as unknown as Schema<Config>

export interface SettingEntry {
  /** section.key */
  readonly key: string
  readonly section: string
  readonly name: string
  readonly setting: Setting<unknown>
}

/** The schema as a flat list, in the order in which it is written. */
export const settings: readonly SettingEntry[] = Object.entries(schema).flatMap(([section, keys]) =>
  Object.entries(keys).map(([name, leaf]) => ({
    key: `${section}.${name}`,
    section,
    name,
    setting: leaf as unknown as Setting<unknown>,
  })),
)

export const settingByKey: ReadonlyMap<string, SettingEntry> = new Map(
  settings.map((entry) => [entry.key, entry]),
)

export const settingByEnvironment: ReadonlyMap<string, SettingEntry> = new Map(
  settings.map((entry) => [entry.setting.env, entry]),
)
