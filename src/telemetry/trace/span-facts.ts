import { createHmac, randomBytes } from 'node:crypto'
import { LINE_BYTES, LINE_IS_CLIENT_ERROR } from '../../protocol/lines.ts'
import { TRACE_KIND } from '../trace-ring.ts'
import type { TraceRecord } from './trace-reader.ts'

export type Attributes = Record<string, string | number | boolean>

/** What a span says. Names follow OpenTelemetry's conventions for databases, stable since 1.33. */
export interface SpanFacts {
  readonly name: string
  readonly attributes: Attributes
  /** The fault of ours that was the answer; null when there was none, or it was the client's. */
  readonly fault: string | null
}

export type KeyMode = 'off' | 'prefix' | 'hash'

/** Where clients reach this server, as far as it knows. */
export interface ServerPlace {
  readonly address: string
  /** 0 when there is none, or more than one. */
  readonly port: number
}

const SALT_BYTES = 32
/** 64 bits: enough to tell keys apart, too few to be mistaken for a trace id. */
const HASH_DIGITS = 16

/** Makes records into words. Knows nothing of OpenTelemetry's code. */
export class SpanWriter {
  readonly #keys: KeyMode
  readonly #server: Attributes
  /** Random for each process, so that nobody can look up hashes of keys that he guesses. */
  readonly #salt = randomBytes(SALT_BYTES)

  constructor(keys: KeyMode, server: ServerPlace) {
    this.#keys = keys
    this.#server = {
      'db.system.name': 'memcached',
      'server.address': server.address,
      ...(server.port > 0 && { 'server.port': server.port }),
    }
  }

  facts(record: TraceRecord): SpanFacts {
    const batch = record.kind === TRACE_KIND.slow && record.commands > 1
    const name = batch ? `BATCH ${record.command}` : record.command
    const attributes: Attributes = {
      ...this.#server,
      'db.operation.name': name,
      ...(batch && { 'db.operation.batch.size': record.commands }),
      ...peer(record),
      ...items(record),
      'memcached.connection': record.connectionNumber,
      ...this.#key(record.key),
    }
    const { errorLine } = record
    if (errorLine < 0) return { name, attributes, fault: null }
    const text = LINE_BYTES[errorLine]?.toString('latin1').trimEnd() ?? ''
    const status = text.split(' ', 1)[0] as string
    Object.assign(attributes, {
      'db.response.status_code': status,
      'error.type': status,
      'memcached.error': text,
    })
    return { name, attributes, fault: LINE_IS_CLIENT_ERROR[errorLine] === true ? null : text }
  }

  #key(key: Buffer): Attributes {
    if (this.#keys === 'off' || key.length === 0) return {}
    if (this.#keys === 'prefix') return { 'memcached.key.prefix': key.toString('utf8') }
    const digest = createHmac('sha256', this.#salt).update(key).digest('hex')
    return { 'memcached.key.hash': digest.slice(0, HASH_DIGITS) }
  }
}

function peer({ address, port }: TraceRecord): Attributes {
  if (port === 0) return {}
  return { 'network.peer.address': address, 'network.peer.port': port }
}

/** A miss is no error: it is told as what it is. */
function items({ keysAsked, keysFound, valueBytes }: TraceRecord): Attributes {
  return {
    ...(keysAsked > 0 && {
      'memcached.items.requested': keysAsked,
      'memcached.items.found': keysFound,
    }),
    ...(keysAsked === 1 && { 'memcached.hit': keysFound === 1 }),
    ...(valueBytes >= 0 && { 'memcached.value.size': valueBytes }),
  }
}
