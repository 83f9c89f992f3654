import {
  AUTH_LINE_BYTES_MIN,
  AUTH_TOKEN_BYTES_MAX,
  ITEM_CAS_BYTES,
  LINE_BYTES_MIN,
  SHORT_LINE_BYTES_MAX,
  VALUE_LENGTH_MAX,
} from './limits.ts'
import { LINE } from './lines.ts'
import { parseMeta, parseMetaDebug, parseMetaSet } from './meta.ts'
import { findCommand, findLaterCommand, OPCODE } from './opcode.ts'
import { PARSE_CLOSE, PARSE_MORE, PARSE_READY, Request } from './request.ts'
import {
  fail,
  failStorage,
  incompleteLine,
  parseGet,
  parseGetAndTouch,
  parseKeyed,
  parseShortStorage,
  parseStorage,
} from './text.ts'
import {
  CR,
  findLineFeed,
  LF,
  lastTokenIsNoreply,
  NOT_UINT32,
  nextKey,
  SPACE,
  tokenize,
  tokenUint32,
} from './tokens.ts'

/** The first four bytes of a line as one number, for the commands that deserve a short way. */
const HEAD = {
  get: head('get '),
  gets: head('gets'),
  gat: head('gat '),
  gats: head('gats'),
  set: head('set '),
  add: head('add '),
} as const

/**
 * The front door of the protocol: bytes in, one Request filled. Nothing here throws, allocates, or
 * reads what lies outside buffer[start, end) to decide anything.
 */
export class Parser {
  /** Filled anew by each parse. */
  readonly request: Request

  /** @param itemBytesMax -I; the parser refuses what is larger before its data has come */
  constructor(hashSeed: number, itemBytesMax: number, casEnabled: boolean) {
    this.request = new Request()
    this.request.hashSeed = hashSeed
    this.request.itemBytesMax = itemBytesMax
    this.request.casBytes = casEnabled ? ITEM_CAS_BYTES : 0
  }

  /**
   * Reads the command that begins at `start`. See request.ts for what it returns. A command that is
   * not complete is read again from its start when more has come; that is cheap, except for long
   * lines: when more than SHORT_LINE_BYTES_MAX bytes are waiting and the new ones have no \n in them
   * (and they are fewer than LINE_BYTES_MAX in all), the caller may spare itself the call.
   */
  parse(buffer: Buffer, start: number, end: number): number {
    const request = this.request
    request.buffer = buffer
    request.lineStart = start
    if (end - start >= 5) {
      const first =
        (buffer[start]! << 24) |
        (buffer[start + 1]! << 16) |
        (buffer[start + 2]! << 8) |
        buffer[start + 3]!
      switch (first) {
        case HEAD.get:
          return parseGet(request, buffer, start + 4, end, OPCODE.get)
        case HEAD.set:
          return this.#parseStorage(buffer, end, OPCODE.set)
        case HEAD.gets:
          if (buffer[start + 4] !== SPACE) break
          return parseGet(request, buffer, start + 5, end, OPCODE.gets)
        case HEAD.add:
          return this.#parseStorage(buffer, end, OPCODE.add)
        case HEAD.gat:
          return parseGetAndTouch(request, buffer, start + 4, end, OPCODE.gat)
        case HEAD.gats:
          if (buffer[start + 4] !== SPACE) break
          return parseGetAndTouch(request, buffer, start + 5, end, OPCODE.gats)
      }
    }
    return this.#parseByWords(buffer, end)
  }

  /**
   * Reads a storage line again whose value has been taken in elsewhere; [start, end) is the line
   * with its \n and nothing more. As parse, but never says that the value is missing.
   */
  parseLine(buffer: Buffer, start: number, end: number): number {
    this.request.lineOnly = true
    const status = this.parse(buffer, start, end)
    this.request.lineOnly = false
    return status
  }

  /**
   * Prepares the request so that the handler of get, gets, gat or gats goes on with the key at
   * `start` (which may be the line's end: then only END is left to say).
   *
   * @param exptime request.exptime as it was when the command was suspended
   */
  resumeKeys(buffer: Buffer, start: number, end: number, opcode: number, exptime: number): number {
    const request = this.request
    const lineFeed = findLineFeed(buffer, start, end)
    // The line was complete when the command began, so its end is here too.
    if (lineFeed < 0) return PARSE_MORE
    request.buffer = buffer
    request.keyBuffer = buffer
    request.lineStart = start
    request.lineEnd = lineFeed > start && buffer[lineFeed - 1] === CR ? lineFeed - 1 : lineFeed
    request.next = lineFeed + 1
    request.opcode = opcode
    request.exptime = exptime
    nextKey(request, start)
    return PARSE_READY
  }

  /**
   * Before the client has said who it is, only `set K x x LEN` and its data are understood: PARSE_READY
   * means OPCODE.auth, with user and password as the value.
   *
   * @param alone nothing else is understood, so that what is left of too long a value can do no harm:
   *   like memcached we answer each of its lines. Where other commands are allowed, it is thrown away.
   */
  parseAuth(buffer: Buffer, start: number, end: number, alone = true): number {
    const request = this.request
    request.buffer = buffer
    request.lineStart = start
    request.missing = 0
    request.opcode = OPCODE.auth
    const next = tokenize(request, buffer, start, end)
    if (next < 0) return end - start > SHORT_LINE_BYTES_MAX ? PARSE_CLOSE : PARSE_MORE
    if (next - 1 - start < AUTH_LINE_BYTES_MIN) return PARSE_CLOSE
    request.next = next
    const isSet = buffer[start] === 115 && buffer[start + 1] === 101 && buffer[start + 2] === 116
    const length = tokenUint32(request, 4)
    if (!isSet || length === NOT_UINT32) return fail(request, LINE.unauthenticated, false)
    if (length > AUTH_TOKEN_BYTES_MAX) {
      request.valueLength = length
      const isLength = !alone && length <= VALUE_LENGTH_MAX
      return isLength
        ? failStorage(request, LINE.authTooLong, false)
        : fail(request, LINE.authTooLong, false)
    }
    request.noreply = false
    request.valueStart = next
    request.valueLength = length
    request.wholeValueNeeded = true
    if (next + length + 2 > end) {
      request.missing = next + length + 2 - end
      return PARSE_MORE
    }
    const valueEnd = next + length
    request.next = valueEnd + 2
    if (buffer[valueEnd] === CR && buffer[valueEnd + 1] === LF) return PARSE_READY
    return fail(request, LINE.authBadTermination, false)
  }

  #parseStorage(buffer: Buffer, end: number, opcode: number): number {
    const request = this.request
    const status = parseShortStorage(request, buffer, request.lineStart + 4, end, opcode)
    return status >= 0 ? status : this.#parseByWords(buffer, end)
  }

  /** The long way, for every command and every line. */
  #parseByWords(buffer: Buffer, end: number): number {
    const request = this.request
    const start = request.lineStart
    const next = tokenize(request, buffer, start, end)
    if (next < 0) return incompleteLine(request, buffer, start, end)
    request.next = next
    request.opcode = OPCODE.none
    if (next - start < LINE_BYTES_MIN) return fail(request, LINE.badFormat, false)
    // The word ends at the first space, so a line that begins with a space has an empty one.
    const isFirst = request.tokenCount > 0 && request.tokenStarts[0] === start
    const opcode = isFirst ? findCommand(buffer, start, request.tokenEnds[0]!) : OPCODE.none
    request.opcode = opcode
    switch (opcode) {
      case OPCODE.none:
        return this.#parseLaterWord(buffer)
      case OPCODE.metaGet:
      case OPCODE.metaDelete:
      case OPCODE.metaArithmetic:
        return parseMeta(request, buffer)
      case OPCODE.metaSet:
        return parseMetaSet(request, buffer, end)
      case OPCODE.metaDebug:
        return parseMetaDebug(request, buffer)
      case OPCODE.set:
      case OPCODE.add:
      case OPCODE.replace:
      case OPCODE.append:
      case OPCODE.prepend:
      case OPCODE.cas:
        return parseStorage(request, buffer, end)
      case OPCODE.delete:
        return parseKeyed(request, buffer, 2)
      case OPCODE.increment:
      case OPCODE.decrement:
      case OPCODE.touch:
        return parseKeyed(request, buffer, 3)
      case OPCODE.get:
      case OPCODE.gets:
      case OPCODE.gat:
      case OPCODE.gats:
        // With a key they would not have come here.
        return fail(request, LINE.badFormat, false)
      default:
        request.noreply = false
        return PARSE_READY
    }
  }

  /** The administrative commands, and what is no command at all. */
  #parseLaterWord(buffer: Buffer): number {
    const request = this.request
    const noreply = lastTokenIsNoreply(request, buffer)
    request.noreply = noreply
    const count = request.tokenCount
    if (count > 0) {
      request.opcode = findLaterCommand(buffer, request.tokenStarts[0]!, request.tokenEnds[0]!)
      if (request.opcode !== OPCODE.none) return PARSE_READY
    }
    if (count > 1 && isHttpVersion(buffer, request.tokenStarts[count - 1]!)) return PARSE_CLOSE
    return fail(request, LINE.error, noreply)
  }
}

/** A browser or a scanner. The word has at least the \n after it, so five bytes can be read. */
function isHttpVersion(buffer: Buffer, start: number): boolean {
  return (
    buffer[start] === 72 &&
    buffer[start + 1] === 84 &&
    buffer[start + 2] === 84 &&
    buffer[start + 3] === 80 &&
    buffer[start + 4] === 47
  )
}

function head(word: string): number {
  return Buffer.from(word).readInt32BE(0)
}
