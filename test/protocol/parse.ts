import { LINE, LINE_BYTES } from '../../src/protocol/lines.ts'
import { OPCODE } from '../../src/protocol/opcode.ts'
import { Parser } from '../../src/protocol/parser.ts'
import type { Request } from '../../src/protocol/request.ts'
import { PARSE_CLOSE, PARSE_ERROR, PARSE_MORE, PARSE_READY } from '../../src/protocol/request.ts'

/** Helpers to read the parser's results as text. */

export const HASH_SEED = 0x1234567
export const ITEM_BYTES_MAX = 1048576

export function createParser(): Parser {
  return new Parser(HASH_SEED, ITEM_BYTES_MAX, true)
}

const STATUS_NAMES = new Map([
  [PARSE_MORE, 'more'],
  [PARSE_READY, 'ready'],
  [PARSE_ERROR, 'error'],
  [PARSE_CLOSE, 'close'],
])

const OPCODE_NAMES = new Map<number, string>(
  Object.entries(OPCODE).map(([name, opcode]) => [opcode, name]),
)

/** The line of an error without its \r\n. */
export function errorText(request: Request): string {
  return LINE_BYTES[request.errorLine]!.toString('latin1').trimEnd()
}

/** The request's key as text. */
export function keyText(request: Request): string {
  const { keyBuffer, keyStart, keyLength } = request
  return keyBuffer.toString('latin1', keyStart, keyStart + keyLength)
}

/**
 * The first command of the text as one line, put in the middle of other bytes so that reading outside
 * shows: `ready get k`, `error CLIENT_ERROR … swallow 3 silent`, `more 5`, `close`; and how many
 * bytes it took, if not all.
 */
export function parseText(text: string, parser = createParser()): string {
  const around = 'noreply\r\n'
  const buffer = Buffer.from(`${around}${text}${around}`, 'latin1')
  const start = around.length
  const end = start + text.length
  const status = parser.parse(buffer, start, end)
  const { request } = parser
  const name = STATUS_NAMES.get(status)!
  if (status === PARSE_CLOSE) return name
  if (status === PARSE_MORE) return `${name} ${request.missing}`
  const rest = request.next === end ? '' : ` at ${request.next - start}`
  if (status === PARSE_READY) return `${name} ${OPCODE_NAMES.get(request.opcode)!}${rest}`
  const swallow = request.swallow > 0 ? ` swallow ${request.swallow}` : ''
  const silent = request.silent ? ' silent' : ''
  return `${errorText(request)}${swallow}${silent}${rest}`
}

/** Parses a text that is one good command, and returns what was found. */
export function readyRequest(text: string): Request {
  const parser = createParser()
  const result = parseText(text, parser)
  if (!result.startsWith('ready')) throw new Error(`${JSON.stringify(text)}: ${result}`)
  return parser.request
}

export const BAD_FORMAT = LINE_BYTES[LINE.badFormat]!.toString('latin1').trimEnd()
