import { isIPv6 } from 'node:net'
import type { ListenAddress, ListenTls, ProtocolName } from '../base/config.ts'

/**
 * How a setting's value is written by people and held in memory. `read` takes what a file, a
 * variable or a flag gave and returns undefined when that is not allowed; `accepts` judges a value
 * that was read already, which is convict's question; `print` writes what `read` reads back.
 */
export interface Format<T> {
  /** What is allowed, as the end of a sentence: "a size such as 64mb, at least 1mb". */
  readonly allowed: string
  readonly read: (raw: unknown) => T | undefined
  readonly accepts: (value: unknown) => boolean
  readonly print: (value: T) => string
}

const KIB = 1024

const SIZE_UNITS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    '': 1,
    b: 1,
    k: KIB,
    kb: KIB,
    kib: KIB,
    m: KIB ** 2,
    mb: KIB ** 2,
    mib: KIB ** 2,
    g: KIB ** 3,
    gb: KIB ** 3,
    gib: KIB ** 3,
  }),
)

const DURATION_UNITS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    ms: 1,
    s: 1000,
    m: 60_000,
    h: 3_600_000,
  }),
)

/** `64mb`, `1g`, `512k`, or plain bytes. Units are powers of 1024, in any case of letters. */
export function size(limits: { min: number; max: number }): Format<number> {
  const inRange = (value: unknown): value is number =>
    Number.isSafeInteger(value) && Number(value) >= limits.min && Number(value) <= limits.max
  return {
    allowed: `a size such as 64mb or 1g, from ${printSize(limits.min)} to ${printSize(limits.max)}`,
    read: (raw) => {
      const value = readScaled(raw, SIZE_UNITS)
      return inRange(value) ? value : undefined
    },
    accepts: inRange,
    print: printSize,
  }
}

/** `500ms`, `10s`, `1m`, `2h`; 0 needs no unit. The value is milliseconds. */
export function duration(limits: { min?: number; max: number; zero?: string }): Format<number> {
  const min = limits.min ?? 0
  const inRange = (value: unknown): value is number =>
    Number.isSafeInteger(value) &&
    ((Number(value) >= min && Number(value) <= limits.max) ||
      (value === 0 && limits.zero !== undefined))
  const zero = limits.zero === undefined ? '' : ` (0: ${limits.zero})`
  return {
    allowed: `a duration such as 500ms, 10s or 1m, from ${printDuration(min)} to ${printDuration(limits.max)}${zero}`,
    read: (raw) => {
      if (raw === 0 || raw === '0') return inRange(0) ? 0 : undefined
      const value = readScaled(raw, DURATION_UNITS)
      return inRange(value) ? value : undefined
    },
    accepts: inRange,
    print: printDuration,
  }
}

export function integer(limits: { min: number; max: number; note?: string }): Format<number> {
  const inRange = (value: unknown): value is number =>
    Number.isSafeInteger(value) && Number(value) >= limits.min && Number(value) <= limits.max
  const note = limits.note === undefined ? '' : ` (${limits.note})`
  return {
    allowed: `a whole number from ${limits.min} to ${limits.max}${note}`,
    read: (raw) => {
      const value = readDecimal(raw, /^[+-]?\d+$/)
      return inRange(value) ? value : undefined
    },
    accepts: inRange,
    print: String,
  }
}

/** A whole number, or the word that stands for 0: "let the machine decide". */
export function integerOrAuto(limits: { min: number; max: number }): Format<number> {
  const whole = integer(limits)
  return {
    allowed: `auto, or ${whole.allowed}`,
    read: (raw) => (raw === 'auto' ? 0 : whole.read(raw)),
    accepts: (value) => value === 0 || whole.accepts(value),
    print: (value) => (value === 0 ? 'auto' : String(value)),
  }
}

export function decimal(limits: { min: number; max: number }): Format<number> {
  const inRange = (value: unknown): value is number =>
    Number.isFinite(value) && Number(value) >= limits.min && Number(value) <= limits.max
  return {
    allowed: `a number from ${limits.min} to ${limits.max}`,
    read: (raw) => {
      const value = readDecimal(raw, /^[+-]?\d+(\.\d+)?$/)
      return inRange(value) ? value : undefined
    },
    accepts: inRange,
    print: String,
  }
}

/** File permissions, written in octal with or without a leading 0. YAML makes a number of them. */
export function octal(): Format<number> {
  const inRange = (value: unknown): value is number =>
    Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 0o777
  return {
    allowed: 'permissions in octal, from 0 to 777',
    read: (raw) => {
      const text = String(raw)
      return /^0?[0-7]{1,3}$/.test(text) ? Number.parseInt(text, 8) : undefined
    },
    accepts: inRange,
    print: (value) => `0${value.toString(8).padStart(3, '0')}`,
  }
}

const BOOLEAN_WORDS: ReadonlyMap<string, boolean> = new Map(
  Object.entries({
    true: true,
    yes: true,
    on: true,
    '1': true,
    false: false,
    no: false,
    off: false,
    '0': false,
  }),
)

export function boolean(): Format<boolean> {
  return {
    allowed: 'true or false',
    read: (raw) => (isScalar(raw) ? BOOLEAN_WORDS.get(String(raw).toLowerCase()) : undefined),
    accepts: (value) => typeof value === 'boolean',
    print: String,
  }
}

export function oneOf<T extends string>(...words: readonly T[]): Format<T> {
  const find = (value: unknown): T | undefined => words.find((word) => word === value)
  return {
    allowed: words.join(', ').replace(/, ([^,]*)$/, ' or $1'),
    read: find,
    accepts: (value) => find(value) !== undefined,
    print: String,
  }
}

/** A path, or '' for none. A NUL byte cannot be part of one. */
export const FILE_PATH_BYTES_MAX = 4095

export function path(limits: { bytesMax: number }): Format<string> {
  const fits = (value: unknown): value is string =>
    typeof value === 'string' &&
    !value.includes('\0') &&
    Buffer.byteLength(value) <= limits.bytesMax
  return {
    allowed: `a path of at most ${limits.bytesMax} bytes, or nothing`,
    read: (raw) => (fits(raw) ? raw : undefined),
    accepts: fits,
    print: String,
  }
}

/** Printable text without spaces, or nothing: what can stand inside a word of the protocol. */
export function text(limits: { bytesMax: number }): Format<string> {
  const fits = (value: unknown): value is string =>
    typeof value === 'string' && /^[\x21-\x7e]*$/.test(value) && value.length <= limits.bytesMax
  return {
    allowed: `at most ${limits.bytesMax} printable ASCII characters without spaces, or nothing`,
    read: (raw) => (fits(raw) ? raw : undefined),
    accepts: fits,
    print: String,
  }
}

/** One character of one byte, as it can stand inside a key. */
export function character(): Format<string> {
  const fits = (value: unknown): value is string =>
    typeof value === 'string' && /^[\x21-\x7e]$/.test(value)
  return {
    allowed: 'one printable ASCII character',
    read: (raw) => {
      const text = typeof raw === 'number' ? String(raw) : raw
      return fits(text) ? text : undefined
    },
    accepts: fits,
    print: String,
  }
}

/** memcached's -l: a list of `[prefix:]host[:port]`, with `,` or `;` between them. */
export function listenAddresses(): Format<readonly ListenAddress[]> {
  return {
    allowed:
      'a list of *, host, host:port or [v6]:port, each optionally after notls:, btls:, mtls:, proto[ascii]: or tag_x_:, with commas between',
    read: (raw) => {
      const texts = Array.isArray(raw) ? raw : [raw]
      const parts = texts.flatMap((text) =>
        typeof text === 'string' ? text.split(/[,;]/) : [text],
      )
      const addresses = parts.map((part) =>
        typeof part === 'string' ? readAddress(part.trim()) : undefined,
      )
      if (addresses.length === 0 || addresses.some((address) => address === undefined))
        return undefined
      return addresses.filter((address) => address !== undefined)
    },
    accepts: (value) => Array.isArray(value) && value.length > 0,
    print: (addresses) => addresses.map(printAddress).join(','),
  }
}

export function printAddress(address: ListenAddress): string {
  const protocol = address.protocol === 'auto' ? '' : `proto[${address.protocol}]:`
  const tag = address.tag === '' ? '' : `tag[${address.tag}]:`
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  const tls = address.tls === 'default' ? '' : `${address.tls}:`
  return `${tls}${protocol}${tag}${host}${address.port === 0 ? '' : `:${address.port}`}`
}

const PROTOCOL_PREFIX = /^proto\[(\w+)\]:/
/** Both of memcached's spellings; a tag there is at most 64 bytes long. */
const TAG_PREFIX = /^(?:tag\[([^\]\s]{1,64})\]|tag_([^_\s]{1,64})_):/
const TLS_PREFIX = /^(notls|btls|mtls):/

function readAddress(text: string): ListenAddress | undefined {
  let rest = text
  let protocol: ProtocolName = 'auto'
  let tag = ''
  let tls: ListenTls = 'default'
  for (;;) {
    const protocolMatch = PROTOCOL_PREFIX.exec(rest)
    const tagMatch = TAG_PREFIX.exec(rest)
    const tlsMatch = TLS_PREFIX.exec(rest)
    const prefix = protocolMatch ?? tagMatch ?? tlsMatch
    if (prefix === null) break
    if (protocolMatch !== null) {
      const name = protocolNamed(protocolMatch[1] ?? '')
      if (name === undefined) return undefined
      protocol = name
    }
    if (tlsMatch !== null) tls = tlsMatch[1] as ListenTls
    if (tagMatch !== null) tag = tagMatch[1] ?? tagMatch[2] ?? ''
    rest = rest.slice(prefix[0].length)
  }
  const place = splitHostPort(rest)
  return place === undefined ? undefined : { ...place, protocol, tag, tls }
}

function protocolNamed(name: string): ProtocolName | undefined {
  if (name === 'ascii' || name === 'binary') return name
  return name === 'auto' || name === 'negotiating' ? 'auto' : undefined
}

/** `host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 address. Port 0 stands for "not given". */
export function splitHostPort(text: string): { host: string; port: number } | undefined {
  if (isIPv6(text)) return { host: text, port: 0 }
  const match = /^(?:\[([^\]]+)\]|([\w.-]+|\*))(?::(\d{1,5}))?$/.exec(text)
  if (match === null) return undefined
  const [, bracketed, plain, digits] = match
  if (bracketed !== undefined && !isIPv6(bracketed)) return undefined
  const port = digits === undefined ? 0 : Number(digits)
  if (port > 65535 || (digits !== undefined && port === 0)) return undefined
  return { host: bracketed ?? plain ?? '', port }
}

export function printSize(bytes: number): string {
  for (const [unit, factor] of [
    ['gb', KIB ** 3],
    ['mb', KIB ** 2],
    ['kb', KIB],
  ] as const) {
    if (bytes >= factor && bytes % factor === 0) return `${bytes / factor}${unit}`
  }
  return String(bytes)
}

export function printDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0'
  for (const [unit, factor] of [
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ] as const) {
    if (milliseconds % factor === 0) return `${milliseconds / factor}${unit}`
  }
  return `${milliseconds}ms`
}

function readScaled(raw: unknown, units: ReadonlyMap<string, number>): number | undefined {
  if (!isScalar(raw)) return undefined
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s*([a-z]*)$/i.exec(String(raw).trim())
  if (match === null) return undefined
  const factor = units.get((match[2] ?? '').toLowerCase())
  return factor === undefined ? undefined : Number(match[1]) * factor
}

function readDecimal(raw: unknown, pattern: RegExp): number | undefined {
  if (typeof raw === 'number') return raw
  return typeof raw === 'string' && pattern.test(raw.trim()) ? Number(raw) : undefined
}

function isScalar(raw: unknown): raw is string | number | boolean {
  return typeof raw === 'string' || typeof raw === 'number' || typeof raw === 'boolean'
}
