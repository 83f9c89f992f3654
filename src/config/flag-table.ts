import type { FlagAction, FlagRow, FlagSink } from './flag-row.ts'

type Row = Omit<FlagRow, 'apply'>

/** A flag whose argument goes to its key as it stands. */
function value(row: Row, convert: (text: string) => unknown = (text) => text): FlagRow {
  return { ...row, apply: (sink, text) => sink.set(row.key, convert(text)) }
}

/** A flag without argument that sets its key to a fixed value. */
function fixed(row: Omit<Row, 'argument'>, raw: unknown): FlagRow {
  return { ...row, argument: '', apply: (sink) => sink.set(row.key, raw) }
}

/** Accepted for the sake of existing command lines, and said so in the log. */
function noted(row: Omit<Row, 'key'>, why: string): FlagRow {
  return { ...row, key: '', apply: (sink) => sink.note(why) }
}

function refused(short: string, long: string, argument: string, why: string): FlagRow {
  const apply = (sink: FlagSink): never => sink.refuse(why)
  return { short, long, argument, key: '', doc: why, hidden: true, apply }
}

function action(short: string, long: string, doc: string, name: FlagAction): FlagRow {
  return { short, long, argument: '', key: '', doc, apply: (sink) => sink.action(name) }
}

/** Digits alone are counted in this unit; with a unit of their own they are taken as they stand. */
export function inUnits(unit: string): (text: string) => string {
  return (text) => (/^\d+$/.test(text) ? `${text}${unit}` : text)
}

/**
 * memcached's own flags, so that an existing command line works unchanged, and the few of ours.
 * This table also makes the help text and the reference in docs/.
 */
export const FLAGS: readonly FlagRow[] = [
  value({
    short: 'p',
    long: 'port',
    argument: '<num>',
    key: 'listen.port',
    doc: 'TCP port to listen on; 0 none, -1 any free one',
  }),
  value({
    short: 'l',
    long: 'listen',
    argument: '<addr>',
    key: 'listen.addresses',
    doc: 'addresses to listen on: host, host:port, [v6]:port, *; commas between, repeatable',
  }),
  value({
    short: 's',
    long: 'unix-socket',
    argument: '<file>',
    key: 'listen.unixSocket',
    doc: 'unix socket to listen on instead of TCP',
  }),
  value({
    short: 'a',
    long: 'unix-mask',
    argument: '<mask>',
    key: 'listen.unixMask',
    doc: 'permissions of the unix socket, in octal',
  }),
  value({
    short: 'b',
    long: 'listen-backlog',
    argument: '<num>',
    key: 'listen.backlog',
    doc: 'connections that may wait to be accepted',
  }),
  {
    short: 'U',
    long: 'udp-port',
    argument: '<num>',
    key: 'compat.udpPort',
    doc: 'there is no UDP; alone it also sets the TCP port',
    apply: applyUdpPort,
  },
  value(
    {
      short: 'm',
      long: 'memory-limit',
      argument: '<size>',
      key: 'memory.limit',
      doc: 'memory for items; plain numbers are megabytes',
    },
    inUnits('mb'),
  ),
  fixed(
    {
      short: 'M',
      long: 'disable-evictions',
      key: 'memory.evict',
      doc: 'refuse to store when memory is full, instead of evicting',
    },
    false,
  ),
  value({
    short: 'I',
    long: 'max-item-size',
    argument: '<size>',
    key: 'items.maxSize',
    doc: 'largest item; at least 1kb, at most 1gb and half of -m',
  }),
  fixed({ short: 'C', long: 'disable-cas', key: 'items.cas', doc: 'no CAS values' }, false),
  value({
    short: 'c',
    long: 'conn-limit',
    argument: '<num>',
    key: 'connections.max',
    doc: 'client connections at the same time',
  }),
  value({
    short: 'R',
    long: 'max-reqs-per-event',
    argument: '<num>',
    key: 'connections.requestsPerTurn',
    doc: "commands of one connection before it is another's turn",
  }),
  value({
    short: 't',
    long: 'threads',
    argument: '<num>',
    key: 'workers.count',
    doc: 'worker threads',
  }),
  value({
    short: 'B',
    long: 'protocol',
    argument: '<name>',
    key: 'protocol.binding',
    doc: 'auto, ascii or binary',
  }),
  fixed(
    {
      short: 'A',
      long: 'enable-shutdown',
      key: 'commands.shutdown',
      doc: 'allow the shutdown command',
    },
    true,
  ),
  fixed(
    { short: 'F', long: 'disable-flush-all', key: 'commands.flushAll', doc: 'refuse flush_all' },
    false,
  ),
  fixed(
    {
      short: 'X',
      long: 'disable-dumping',
      key: 'commands.dump',
      doc: 'refuse stats cachedump, stats detail and lru_crawler metadump',
    },
    false,
  ),
  fixed({ short: 'W', long: 'disable-watch', key: 'commands.watch', doc: 'refuse watch' }, false),
  value({
    short: 'Y',
    long: 'auth-file',
    argument: '<file>',
    key: 'auth.file',
    doc: 'user:password lines; clients must authenticate',
  }),
  fixed(
    {
      short: 'Z',
      long: 'enable-ssl',
      key: 'tls.enabled',
      doc: 'TLS on the TCP port; see docs/tls.md',
    },
    true,
  ),
  {
    short: 'D',
    long: '',
    argument: '<char>',
    key: 'stats.prefixDelimiter',
    doc: 'delimiter of key prefixes; turns stats detail on',
    apply: applyDelimiter,
  },
  {
    short: 'v',
    long: 'verbose',
    argument: '<level>',
    argumentOptional: true,
    key: 'log.verbosity',
    doc: 'log debug lines; -vv and -vvv trace lines too',
    apply: applyVerbose,
  },
  {
    short: 'o',
    long: 'extended',
    argument: '<a,b=c>',
    key: '',
    doc: 'extended options, below',
    apply: (sink, text) => sink.extended(text),
  },
  {
    short: '',
    long: 'config',
    argument: '<file>',
    key: '',
    doc: 'read settings from a JSON or YAML file',
    apply: (sink, text) => sink.configFile(text),
  },
  {
    short: '',
    long: 'set',
    argument: '<key=value>',
    key: '',
    doc: 'set any setting of docs/configuration.md; --section.key=value is the same',
    apply: applySet,
  },
  fixed(
    {
      short: 'd',
      long: 'daemon',
      key: 'process.daemon',
      doc: 'detach from the terminal once the server is ready',
    },
    true,
  ),
  value({
    short: 'P',
    long: 'pidfile',
    argument: '<file>',
    key: 'process.pidFile',
    doc: 'with -d: file for the process number',
  }),
  action(
    '',
    'print-config',
    'print the effective configuration and where each value came from',
    'print-config',
  ),
  action('h', 'help', 'print this help', 'help'),
  action('V', 'version', 'print the version', 'version'),
  action('i', 'license', 'print the licence', 'license'),
  noted(
    {
      short: 'u',
      long: 'user',
      argument: '<user>',
      doc: 'accepted; memc-kv stays the user that started it',
    },
    'memc-kv stays the user that started it',
  ),
  noted(
    { short: 'k', long: 'lock-memory', argument: '', doc: 'accepted; memory is not locked' },
    'memory is not locked',
  ),
  noted(
    {
      short: 'L',
      long: 'enable-largepages',
      argument: '',
      doc: 'accepted; the kernel chooses page sizes',
    },
    'the kernel chooses page sizes',
  ),
  noted(
    {
      short: 'r',
      long: 'enable-coredumps',
      argument: '',
      doc: 'accepted; the core file limit stays',
    },
    'the core file limit stays',
  ),
  {
    short: 'f',
    long: 'slab-growth-factor',
    argument: '<num>',
    key: 'compat.growthFactor',
    doc: 'accepted; only shapes the size classes that stats shows',
    apply: reportOnly('compat.growthFactor'),
  },
  {
    short: 'n',
    long: 'slab-min-size',
    argument: '<bytes>',
    key: 'compat.chunkSize',
    doc: 'accepted; only shapes the size classes that stats shows',
    apply: reportOnly('compat.chunkSize'),
  },
  {
    short: 'N',
    long: 'napi-ids',
    argument: '<num>',
    key: 'compat.napiIds',
    doc: 'accepted; the kernel spreads connections over workers',
    apply: reportOnly('compat.napiIds'),
  },
  refused('S', 'enable-sasl', '', 'SASL is not supported; use -Y'),
  refused('e', 'memory-file', '<file>', 'restart with kept items is not supported yet'),
]

function applyUdpPort(sink: FlagSink, text: string): void {
  sink.set('compat.udpPort', text)
  if (text !== '0') sink.note('there is no UDP')
}

function applyDelimiter(sink: FlagSink, text: string): void {
  sink.set('stats.prefixDelimiter', text)
  sink.set('stats.detail', true)
}

function applyVerbose(sink: FlagSink, text: string): void {
  if (!/^\d?$/.test(text)) sink.refuse('the level is 0 to 3')
  sink.moreVerbose(text === '' ? 1 : Number(text))
}

function applySet(sink: FlagSink, text: string): void {
  const equals = text.indexOf('=')
  if (equals <= 0) sink.refuse('it needs section.key=value')
  sink.set(text.slice(0, equals), text.slice(equals + 1))
}

function reportOnly(key: string): (sink: FlagSink, text: string) => void {
  return (sink, text) => {
    sink.set(key, text)
    sink.note('has no effect here, except on what stats shows')
  }
}
