import type { ReplyWriter } from '../protocol/reply.ts'
import type { Request } from '../protocol/request.ts'
import { COUNTER } from '../telemetry/counters.ts'
import type { CommandContext, Producer } from './context.ts'
import { OUTCOME } from './context.ts'

/** Words of a line that are looked at, as for all commands. */
const WORDS_MAX = 23

/** What one step of a long reply writes; far below what reserve can grant. */
const SLICE_BYTES = 8192

/** The words of the command line. A `noreply` at the end is left out where the command heeds it. */
export function commandWords({ buffer, lineStart, lineEnd, noreply }: Request): string[] {
  const line = buffer.toString('latin1', lineStart, lineEnd)
  const words = line.split(' ').filter((word) => word !== '')
  const kept = words.slice(0, WORDS_MAX)
  if (noreply) kept.pop()
  return kept
}

/** Answers with one line, unless the client wants none. */
export function answerLine(context: CommandContext, line: string): number {
  if (line.startsWith('CLIENT_ERROR') || line.startsWith('ERROR')) {
    context.counters[COUNTER.adminErrors]!++
  }
  return context.request.noreply ? OUTCOME.done : answerText(context, `${line}\r\n`)
}

/** Answers with text of any length; a long one is sent as fast as the client reads it. */
export function answerText(context: CommandContext, text: string | Buffer): number {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text
  if (bytes.length <= SLICE_BYTES) {
    writeSlice(context.reply, bytes, 0, bytes.length)
    return OUTCOME.done
  }
  return produce(context, new BytesProducer(bytes))
}

/** Leaves the reply to a producer. */
export function produce(context: CommandContext, producer: Producer): number {
  context.request.resumeOffset = 0
  context.session.producer = producer
  return OUTCOME.produce
}

export class BytesProducer implements Producer {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  produce(reply: ReplyWriter): boolean {
    const end = Math.min(this.#bytes.length, this.#at + SLICE_BYTES)
    writeSlice(reply, this.#bytes, this.#at, end)
    this.#at = end
    return end < this.#bytes.length
  }

  abandon(): void {}
}

function writeSlice(reply: ReplyWriter, bytes: Buffer, start: number, end: number): void {
  reply.reserve(end - start)
  bytes.copy(reply.bytes, reply.position, start, end)
  reply.position += end - start
}
