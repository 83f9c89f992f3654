import type { Config } from '../base/config.ts'
import type { Sampling } from '../base/messages.ts'
import { KEY_BYTES_MAX } from '../protocol/limits.ts'
import { META_FLAG, META_LETTER } from '../protocol/meta.ts'
import { OPCODE } from '../protocol/opcode.ts'
import type { Request } from '../protocol/request.ts'
import { readTraceparent, Traceparent } from '../protocol/traceparent.ts'
import { COUNTER } from '../telemetry/counters.ts'
import type { LatencyRecorder } from '../telemetry/latency.ts'
import type { TraceRecorder } from '../telemetry/trace-recorder.ts'
import { TRACE_KIND } from '../telemetry/trace-ring.ts'
import type { PeerAddress } from './wire.ts'

/** Who is served: looked at only when there is something to tell. */
export interface Observed {
  readonly number: number
  readonly peer: PeerAddress
}

export interface ObserverParts {
  readonly config: Config
  /** null: no spans. */
  readonly sampling: Sampling | null
  readonly worker: number
  readonly workers: number
  readonly counters: Float64Array
  readonly latency: LatencyRecorder
  readonly recorder: TraceRecorder
}

/** A client can ask for a span with every command; each costs the control thread some 20 µs. */
export const ASKED_SPANS_PER_SECOND = 1000

const NOBODY: Observed = { number: 0, peer: { address: '', port: 0, local: true } }

/**
 * What a worker notices about its own commands: how long turns take, which command is to become a
 * span, which turn was slow. Two readings of the clock for a turn and a few numbers for a command;
 * everything else happens only for what was sampled.
 */
export class Observer {
  /** Some commands become spans: ask `picks` for each. */
  readonly samples: boolean
  readonly #parts: ObserverParts
  readonly #slowMilliseconds: number
  readonly #tracesErrors: boolean
  readonly #tracesSlow: boolean
  readonly #delimiter: number
  /** Of spans that the server begins of itself, those that this worker may still begin in this second. */
  #allowance: number
  readonly #allowancePerSecond: number
  /** The same for spans that clients asked for. */
  #asked = ASKED_SPANS_PER_SECOND
  /** Commands until the next one without a parent is sampled. */
  #gap: number
  readonly #parent = new Traceparent()
  #hasParent = false
  /** The parent of a command of this turn, for the case that the turn is slow. */
  readonly #turnParent = new Traceparent()
  #turnHasParent = false
  #turnHasSpan = false
  #connection: Observed = NOBODY
  #hitsBefore = 0
  /** Of the command that becomes a span. */
  #spanBeganAt = 0
  #spanValueBytes = -1
  readonly #spanKey = new Uint8Array(KEY_BYTES_MAX)
  #spanKeyLength = 0
  #missesBefore = 0

  constructor(parts: ObserverParts) {
    const { config, sampling, worker, workers } = parts
    this.#parts = parts
    this.samples = sampling !== null
    this.#slowMilliseconds = config.log.slowThreshold === 0 ? Infinity : config.log.slowThreshold
    this.#tracesErrors = sampling !== null && config.traces.errors
    this.#tracesSlow = sampling !== null && config.traces.slow
    this.#delimiter = config.stats.prefixDelimiter.charCodeAt(0)
    const { rateLimit } = config.traces
    this.#allowancePerSecond =
      Math.floor(rateLimit / workers) + (worker < rateLimit % workers ? 1 : 0)
    this.#allowance = this.#allowancePerSecond
    this.#gap = this.#nextGap()
  }

  /** Nobody wants to know anything: the worker does without. */
  static isNeeded(config: Config, sampling: Sampling | null): boolean {
    return config.metrics.latency || config.log.slowThreshold > 0 || sampling !== null
  }

  // ---------------------------------------------------------------- turns

  /** @param at performance.now() */
  begin(connection: Observed, at: number): void {
    this.#connection = connection
    this.#turnHasParent = false
    this.#turnHasSpan = false
    this.#parts.latency.begin(at)
  }

  /** A command has been answered. */
  command(opcode: number): void {
    this.#parts.latency.command(opcode)
  }

  end(): void {
    const { latency, counters } = this.#parts
    const milliseconds = latency.end()
    if (this.#turnHasSpan) this.#parts.recorder.endTurn(milliseconds)
    if (milliseconds < this.#slowMilliseconds) return
    counters[COUNTER.slowTurns]!++
    counters[COUNTER.slowCommands]! += latency.turnCommands
    this.#reportSlow(milliseconds)
  }

  /** Once a second, outside of turns. */
  everySecond(): void {
    this.#allowance = this.#allowancePerSecond
    this.#asked = ASKED_SPANS_PER_SECOND
    this.#parts.recorder.followClock()
  }

  // ---------------------------------------------------------------- spans

  /** Whether the command that was just parsed becomes a span; then call beginSpan before and endSpan after it. */
  picks(request: Request): boolean {
    if (this.#readParent(request)) {
      const { parentSampled, parentNotSampled } = this.#parts.sampling!
      const share = this.#parent.sampled ? parentSampled : parentNotSampled
      return this.#parent.draw < share && this.#takeAsked()
    }
    if (--this.#gap > 0) return false
    this.#gap = this.#nextGap()
    return this.#takeAllowance()
  }

  /** What the handler changes in the request is kept now. */
  beginSpan(request: Request): void {
    const { counters } = this.#parts
    this.#hitsBefore = hits(counters)
    this.#missesBefore = misses(counters)
    this.#spanValueBytes = storesValue(request.opcode) ? request.valueLength : -1
    this.#keepKey(request)
    this.#spanBeganAt = performance.now()
  }

  endSpan(opcode: number, errorLine: number): void {
    const { recorder, counters } = this.#parts
    recorder.beganAt = this.#spanBeganAt
    recorder.milliseconds = performance.now() - this.#spanBeganAt
    recorder.keysFound = hits(counters) - this.#hitsBefore
    recorder.keysAsked = recorder.keysFound + misses(counters) - this.#missesBefore
    recorder.errorLine = errorLine
    this.#turnHasSpan = true
    if (this.#hasParent) {
      this.#turnParent.traceId.set(this.#parent.traceId)
      this.#turnParent.spanId.set(this.#parent.spanId)
      this.#turnParent.flags = this.#parent.flags
      this.#turnHasParent = true
    }
    recorder.opcode = opcode
    recorder.valueBytes = this.#spanValueBytes
    recorder.key = this.#spanKey
    recorder.keyStart = 0
    recorder.keyLength = this.#spanKeyLength
    this.#hand(TRACE_KIND.command, 1, this.#hasParent ? this.#parent : null)
  }

  /**
   * A request was answered by an error, and is not a span already. Nothing of its key or value is told:
   * of a request that was not understood nobody knows what they are.
   */
  error(opcode: number, errorLine: number): void {
    if (!this.#tracesErrors || !this.#takeAllowance()) return
    const { recorder, latency } = this.#parts
    recorder.beganAt = latency.startedAt
    recorder.milliseconds = performance.now() - latency.startedAt
    recorder.keysAsked = 0
    recorder.keysFound = 0
    recorder.errorLine = errorLine
    recorder.opcode = opcode
    recorder.valueBytes = -1
    recorder.keyLength = 0
    this.#hand(TRACE_KIND.error, 1, null)
  }

  // ---------------------------------------------------------------- inside

  /** A meta command with a readable traceparent in its L token. */
  #readParent(request: Request): boolean {
    this.#hasParent = false
    const { opcode, metaFlags } = request
    if (opcode < OPCODE.metaGet || opcode > OPCODE.metaArithmetic) return false
    if ((metaFlags & META_FLAG.proxyL) === 0) return false
    const { buffer, tokenStarts, tokenEnds, tokenCount } = request
    for (let index = request.firstFlag; index < tokenCount; index++) {
      const start = tokenStarts[index]!
      if (buffer[start] !== META_LETTER.proxyL) continue
      const from = skipPrefix(buffer, start + 1, tokenEnds[index]!, this.#parts.config)
      this.#hasParent = from > 0 && readTraceparent(buffer, from, tokenEnds[index]!, this.#parent)
      return this.#hasParent
    }
    return false
  }

  #reportSlow(milliseconds: number): void {
    const { recorder, latency } = this.#parts
    recorder.beganAt = latency.startedAt
    recorder.milliseconds = milliseconds
    recorder.opcode = latency.firstOpcode
    recorder.keysAsked = 0
    recorder.keysFound = 0
    recorder.valueBytes = -1
    recorder.errorLine = -1
    recorder.keyLength = 0
    this.#hand(TRACE_KIND.slow, latency.turnCommands, this.#slowParent())
  }

  /** Only as a line of the log, when spans of slow turns are not wanted: that has no parent. */
  #slowParent(): Traceparent | null {
    return this.#tracesSlow && this.#turnHasParent ? this.#turnParent : null
  }

  /** The only command of a slow turn may be a span already. */
  #wantsSlowSpan(commands: number): boolean {
    return this.#tracesSlow && !(commands === 1 && this.#turnHasSpan)
  }

  #hand(kind: number, commands: number, parent: Traceparent | null): void {
    const { recorder, counters } = this.#parts
    const { number, peer } = this.#connection
    if (kind !== TRACE_KIND.slow || this.#wantsSlowSpan(commands)) counters[COUNTER.spansSampled]!++
    recorder.commands = commands
    recorder.connectionNumber = number
    recorder.address = peer.address
    recorder.port = peer.port
    recorder.parent = parent
    recorder.emit(kind)
  }

  /** As much of the key as may be shown; of many keys, of the first. */
  #keepKey({ opcode, keyBuffer, keyStart, keyLength }: Request): void {
    this.#spanKeyLength = 0
    const { keys } = this.#parts.config.traces
    const hasKey = opcode >= OPCODE.get && opcode <= OPCODE.metaDebug
    if (keys === 'off' || !hasKey) return
    let length = keyLength
    if (keys === 'prefix') {
      const at = keyBuffer.indexOf(this.#delimiter, keyStart)
      length = at < keyStart + keyLength ? Math.max(0, at - keyStart) : 0
    }
    this.#spanKeyLength = length
    for (let index = 0; index < length; index++) this.#spanKey[index] = keyBuffer[keyStart + index]!
  }

  #takeAllowance(): boolean {
    if (this.#allowance === 0) return this.#refuse()
    this.#allowance--
    return true
  }

  #takeAsked(): boolean {
    if (this.#asked === 0) return this.#refuse()
    this.#asked--
    return true
  }

  #refuse(): boolean {
    this.#parts.counters[COUNTER.spansLimited]!++
    return false
  }

  /** Gaps between sampled commands are distributed as if each had been drawn for itself. */
  #nextGap(): number {
    const root = this.#parts.sampling?.root ?? 0
    if (root === 0) return Infinity
    if (root === 1) return 1
    return Math.ceil(Math.log(1 - Math.random()) / Math.log(1 - root))
  }
}

function storesValue(opcode: number): boolean {
  return (opcode >= OPCODE.set && opcode <= OPCODE.cas) || opcode === OPCODE.metaSet
}

/** Where the traceparent begins; 0 when the prefix is another. */
function skipPrefix(buffer: Buffer, from: number, to: number, config: Config): number {
  const { tokenPrefix } = config.traces
  if (to - from < tokenPrefix.length) return 0
  for (let index = 0; index < tokenPrefix.length; index++) {
    if (buffer[from + index] !== tokenPrefix.charCodeAt(index)) return 0
  }
  return from + tokenPrefix.length
}

function hits(counters: Float64Array): number {
  return (
    counters[COUNTER.getHits]! +
    counters[COUNTER.touchHits]! +
    counters[COUNTER.deleteHits]! +
    counters[COUNTER.incrementHits]! +
    counters[COUNTER.decrementHits]!
  )
}

function misses(counters: Float64Array): number {
  return (
    counters[COUNTER.getMisses]! +
    counters[COUNTER.touchMisses]! +
    counters[COUNTER.deleteMisses]! +
    counters[COUNTER.incrementMisses]! +
    counters[COUNTER.decrementMisses]!
  )
}
