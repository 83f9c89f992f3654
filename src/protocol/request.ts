import { TOKENS_MAX } from './limits.ts'

/**
 * What the parser returns.
 *
 * - PARSE_MORE: the command is not complete. request.missing is 0 while the line has no end yet;
 *   otherwise the line is understood and accepted, and `missing` bytes of its data block (with the
 *   \r\n) have not come yet: see "Large values" below.
 * - PARSE_READY: call the handler of request.opcode; the next command begins at request.next.
 * - PARSE_ERROR: no handler. If request.refusal is not 0, call commands/table.ts' refuse(context)
 *   first (counters, and stale data that has to go; it writes no reply). Go on at request.next,
 *   but throw away request.swallow bytes from there, and when they have all come and gone write
 *   reply.line(request.errorLine) unless request.silent.
 * - PARSE_CLOSE: close without a reply to this line.
 *
 * Large values. When PARSE_MORE comes with missing > 0 the connection may wait for the rest of the
 * value and parse again (the line is cheap), or, if not request.wholeValueNeeded, take the value in
 * piece by piece:
 *   1. keep the line's bytes, buffer[lineStart, valueStart), and begin a ChainWriter of
 *      request.valueLength; write what has come of the value into it, then what comes later;
 *   2. when the value and two bytes more are here: parser.parseLine(line, 0, line.length), which
 *      says PARSE_READY again; request.upload = the writer; call the handler;
 *   3. if the two bytes are not \r\n: abort the writer, parseLine, request.refusal =
 *      REFUSAL.badData, refuse(context), then the error line unless request.silent;
 *   4. if the writer fails: parseLine, request.refusal = REFUSAL.noMemory, refuse(context),
 *      keep errorLine and silent, swallow what is left of the value and its \r\n, write the line.
 */
export const PARSE_MORE = 0
export const PARSE_READY = 1
export const PARSE_ERROR = 2
export const PARSE_CLOSE = 3

/** Why a storage command that was understood is refused all the same. */
export const REFUSAL = { none: 0, tooLarge: 1, badData: 2, noMemory: 3 } as const

/** What a handler needs of the store's ChainWriter, which the protocol does not know. */
export interface Upload {
  readonly chain: number
  readonly valueLength: number
  /** Copies the whole value to the end of another one that is being written. False: no memory. */
  writeTo(target: UploadTarget): boolean
  finish(item: number): void
  abort(): void
}

/** Whatever takes in a value piece by piece. */
export interface UploadTarget {
  write(source: Buffer, from: number, to: number): boolean
}

const NOTHING = Buffer.alloc(0)

/**
 * One command, as offsets into the buffer it came in. There is one record per worker, used again
 * for every command; only what belongs to the opcode is set, the rest is left over from before.
 * 64-bit numbers are halves in int32, times are as the client sent them.
 */
export class Request {
  /** The start value of key hashes; set once by the parser. */
  hashSeed = 0
  /** Largest item, and what the CAS adds to it; set once by the parser. */
  itemBytesMax = 0
  casBytes = 0
  /** Set by the parser while it reads a line whose value lies elsewhere (parseLine). */
  lineOnly = false

  opcode = 0
  /** What the offsets below refer to. */
  buffer: Buffer = NOTHING

  /** The key is keyBuffer[keyStart, keyStart + keyLength): `buffer`, or a decoded base64 key. */
  keyBuffer: Buffer = NOTHING
  keyStart = 0
  keyLength = 0
  /** int32, finished. */
  keyHash = 0

  /** The line is buffer[lineStart, lineEnd), without its \r\n. */
  lineStart = 0
  lineEnd = 0
  /** Offset after the command, its data block included. */
  next = 0
  /** See PARSE_MORE. */
  missing = 0
  /** Set by a handler that stops in the middle (OUTCOME.suspended, produce); 0: at `next`. */
  resumeOffset = 0

  /**
   * The words of the line, at most TOKENS_MAX of them. Not set for get, gets, gat, gats and for the
   * short form of the storage commands.
   */
  tokenCount = 0
  readonly tokenStarts = new Int32Array(TOKENS_MAX + 1)
  readonly tokenEnds = new Int32Array(TOKENS_MAX + 1)

  noreply = false
  clientFlags = 0
  exptime = 0
  valueStart = 0
  valueLength = 0
  /** The value is needed in one piece in the buffer (parseAuth): no upload, please. */
  wholeValueNeeded = false
  /** A large value that the connection has put into the store already, or null. */
  upload: Upload | null = null
  /** `cas` unique, or the meta flag C. */
  casHigh = 0
  casLow = 0
  /** incr, decr, or the meta flag D. */
  deltaHigh = 0
  deltaLow = 0

  /**
   * One bit of META_FLAG for each flag given, 0 for classic commands that write. The flags are the
   * words from firstFlag on.
   */
  metaFlags = 0
  firstFlag = 0
  /**
   * For storage commands their own opcode, for metaSet that of the command it stands for (cas, if C
   * was given with S or R), for metaArithmetic OPCODE.increment or decrement.
   */
  mode = 0
  /** T goes to exptime, F to clientFlags. */
  vivifyExptime = 0
  recacheExptime = 0
  /** E. */
  newCasHigh = 0
  newCasLow = 0
  /** J. */
  initialHigh = 0
  initialLow = 0

  /** See PARSE_ERROR. */
  errorLine = 0
  silent = false
  swallow = 0
  refusal: number = REFUSAL.none
}
