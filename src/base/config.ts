/**
 * The shape of the checked configuration, as every thread reads it: plain data that crosses to a
 * worker by structured clone. It lies in base/ because control and worker both read it and may not
 * import each other; config/schema.ts gives each key its words, limits and default.
 *
 * Sizes are bytes, durations milliseconds.
 */
export interface Config {
  readonly listen: {
    /** TCP port; 0 none, -1 any free one. */
    readonly port: number
    readonly addresses: readonly ListenAddress[]
    /** Path of the unix socket; '' none. When set, nothing listens on TCP, as in memcached. */
    readonly unixSocket: string
    readonly unixMask: number
    readonly backlog: number
    /** Use worker/raw-wire.ts where this Node can, else and otherwise worker/stream-wire.ts. */
    readonly rawSockets: boolean
  }
  readonly memory: {
    readonly limit: number
    readonly evict: boolean
    readonly policy: EvictionPolicyName
    readonly promoteThreshold: number
  }
  readonly items: {
    readonly maxSize: number
    readonly cas: boolean
  }
  readonly connections: {
    readonly max: number
    /** true: refuse a connection over the limit with a line; false: stop accepting. */
    readonly maxFast: boolean
    /** 0 never. */
    readonly idleTimeout: number
    /** For a command that has begun: worker/connections.ts. 0 never. */
    readonly requestTimeout: number
    /** For replies that the client does not take. 0 never. */
    readonly writeTimeout: number
    readonly requestsPerTurn: number
  }
  readonly workers: {
    /** 0 auto. */
    readonly count: number
    /** 0 never. */
    readonly heartbeatTimeout: number
  }
  readonly commands: {
    readonly flushAll: boolean
    readonly dump: boolean
    readonly watch: boolean
    readonly shutdown: boolean
    readonly debug: boolean
  }
  readonly stats: {
    readonly prefixDelimiter: string
    readonly detail: boolean
    readonly trackSizes: boolean
  }
  readonly auth: {
    /** The file of -Y; '' none. */
    readonly file: string
    /** Users with permissions (auth/users-file.ts); '' none. */
    readonly usersFile: string
  }
  readonly protocol: {
    readonly binding: ProtocolName
  }
  readonly watch: {
    readonly bufferSize: number
  }
  readonly log: {
    readonly level: LogLevel
    readonly format: 'auto' | 'json' | 'pretty'
    /** memcached's -v count, 0 to 3. */
    readonly verbosity: number
    /** A turn that takes longer gets a line; 0 none does. */
    readonly slowThreshold: number
    /** Lines about slow turns in a second, at most. */
    readonly slowRate: number
  }
  readonly sidecar: {
    /** TCP port of probes, metrics and administration; 0 none, -1 any free one. */
    readonly port: number
    /** '*' every IPv4 and IPv6 address. */
    readonly address: string
    /** Tokens, one of which is needed for everything but the probes; '' none. */
    readonly tokenFile: string
    /** '' plain HTTP. */
    readonly tlsCertFile: string
    /** '' the key lies in tlsCertFile. */
    readonly tlsKeyFile: string
    /** Who signs the client certificates that all but the probes needs; '' none. */
    readonly tlsCaFile: string
  }
  readonly metrics: {
    /** Measure how long commands take. */
    readonly latency: boolean
    /** How much of memcached's figures by slab class /metrics shows. */
    readonly slabs: 'aggregate' | 'full' | 'off'
  }
  readonly traces: {
    /** auto: on when the OTEL_* variables name a place to send traces to. */
    readonly enabled: 'auto' | 'on' | 'off'
    /** Commands of turns beyond log.slowThreshold get a span, whether or not the client asked. */
    readonly slow: boolean
    /** So do commands that are answered by an error. */
    readonly errors: boolean
    /** Spans in a second that the server may begin of itself; those a client asked for are not counted. */
    readonly rateLimit: number
    /** What of a key a span shows. */
    readonly keys: 'off' | 'prefix' | 'hash'
    /** What stands before the traceparent in the L token of a meta command. */
    readonly tokenPrefix: string
  }
  readonly process: {
    /** Detach from the terminal and let the caller go on. */
    readonly daemon: boolean
    /** Path of the file for the daemon's process number; '' none. */
    readonly pidFile: string
  }
  readonly shutdown: {
    readonly delay: number
    readonly drain: number
    readonly grace: number
  }
  readonly tls: TlsConfig
  readonly compat: CompatConfig
}

/** TLS of the data port. */
export interface TlsConfig {
  readonly enabled: boolean
  readonly certFile: string
  /** '' the key lies in certFile. */
  readonly keyFile: string
  readonly keyFormat: 'pem' | 'der'
  /** '' none. */
  readonly caFile: string
  readonly verify: TlsVerify
  readonly minVersion: TlsVersion
  /** '' Node's own list. */
  readonly ciphers: string
  readonly sessionTickets: boolean
  readonly handshakeTimeout: number
  readonly handshakesMax: number
  /** Only reported. */
  readonly writeBufferSize: number
}

/** What a listener wants to know of its clients. */
export type TlsVerify = 'none' | 'request' | 'require'
export type TlsVersion = 'tlsv1.0' | 'tlsv1.1' | 'tlsv1.2' | 'tlsv1.3'

/** What memc-kv has no use for, but `stats settings` reports as memcached would. */
export interface CompatConfig {
  readonly udpPort: number
  readonly growthFactor: number
  readonly chunkSize: number
  readonly hashpowerInit: number
  readonly hashAlgorithm: string
  readonly slabReassign: boolean
  readonly slabAutomove: number
  readonly slabAutomoveRatio: number
  readonly slabAutomoveWindow: number
  readonly slabChunkMax: number
  readonly lruCrawler: boolean
  readonly lruCrawlerSleep: number
  readonly lruCrawlerTocrawl: number
  readonly tailRepairTime: number
  readonly lruMaintainer: boolean
  readonly lruSegmented: boolean
  readonly hotLruPercent: number
  readonly warmLruPercent: number
  readonly hotMaxFactor: number
  readonly warmMaxFactor: number
  readonly tempLru: boolean
  readonly temporaryTtl: number
  readonly workerLogBufferSize: number
  readonly readBufferMemoryLimit: number
  readonly napiIds: number
}

/** Item addresses have 32 bits, in units of 8 bytes. */
export const MEMORY_BYTES_MAX = 2 ** 35

/**
 * Up to this many workers hand connections to each other. With more there are many connections too,
 * and the kernel's spread is even enough.
 */
export const HANDOVER_WORKERS_MAX = 16

/** Connections to the sidecar at the same time; their descriptors are kept apart from the clients'. */
export const SIDECAR_CONNECTIONS_MAX = 32

export interface ListenAddress {
  /** Name or number of the host; '*' every IPv4 and IPv6 address. */
  readonly host: string
  /** 0 = the port of listen.port. */
  readonly port: number
  readonly protocol: ProtocolName
  readonly tag: string
  readonly tls: ListenTls
}

/**
 * What a mark before the address says (`notls:`, `btls:`, `mtls:`): no TLS, TLS without certificates
 * of clients, TLS that requires them. `default`: as tls.enabled and tls.verify say.
 */
export type ListenTls = 'default' | 'notls' | 'btls' | 'mtls'

export type ProtocolName = 'auto' | 'ascii' | 'binary'
export type EvictionPolicyName = 's3-fifo' | 'lru'
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace'
