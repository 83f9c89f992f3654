/**
 * The little language of the transcripts. In a string that is sent or expected:
 *
 * - `@` is the run's own key prefix, so that runs share a server without meeting each other;
 * - a newline stands for CRLF, and one is added at the end of every non-empty string;
 * - `{name}` is a number captured before, `{b64:text}` is text in base64;
 * - and, only in what is expected, `{n}` is any decimal number and `{n=name}` captures it.
 *
 * A regular expression stands for one line, without its end.
 * Bytes that must go out exactly as they are written are made by `raw`.
 */
export type Captures = Map<string, string>

export class Raw {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** Latin-1 text sent or expected as it is, but for the key prefix. */
export function raw(text: string): Raw {
  return new Raw(text)
}

export interface Names {
  readonly prefix: string
  readonly captures: Captures
}

export function renderBytes(source: string | Raw | Buffer, names: Names): Buffer {
  if (Buffer.isBuffer(source)) return source
  const text = source instanceof Raw ? source.text : withLineEnds(source)
  return Buffer.from(substitute(text, names), 'latin1')
}

type Piece = { readonly literal: Buffer } | { readonly capture: string | null }

/** What is expected: literal bytes with numbers between them. */
export class Pattern {
  readonly #pieces: readonly Piece[]

  readonly #line: RegExp | null

  constructor(source: string | Raw | Buffer | RegExp, names: Names) {
    this.#line = source instanceof RegExp ? source : null
    if (source instanceof RegExp) {
      this.#pieces = [{ literal: Buffer.from(String(source)) }]
      return
    }
    this.#pieces = Buffer.isBuffer(source) ? [{ literal: source }] : parsePieces(source, names)
  }

  /**
   * Looks at the bytes received so far.
   *
   * @returns how many bytes matched; or -1 when more are needed; or -2 when they cannot match
   */
  match(received: Buffer, captures: Captures): number {
    if (this.#line !== null) return matchLine(received, this.#line)
    let at = 0
    for (const piece of this.#pieces) {
      const next =
        'literal' in piece
          ? matchLiteral(received, at, piece.literal)
          : matchNumber(received, at, piece.capture, captures)
      if (next < 0) return next
      at = next
    }
    return at
  }

  /** The expected bytes for a message, with numbers shown as `{n}`. */
  describe(): Buffer {
    return Buffer.concat(
      this.#pieces.map((piece) => ('literal' in piece ? piece.literal : Buffer.from('{n}'))),
    )
  }
}

export const NEEDS_MORE = -1
export const CANNOT_MATCH = -2

function matchLine(received: Buffer, line: RegExp): number {
  const end = received.indexOf('\r\n')
  if (end < 0) return NEEDS_MORE
  const text = received.toString('latin1', 0, end)
  const whole = line.exec(text)
  return whole !== null && whole[0] === text ? end + 2 : CANNOT_MATCH
}

function matchLiteral(received: Buffer, at: number, literal: Buffer): number {
  const length = Math.min(literal.length, received.length - at)
  if (literal.compare(received, at, at + length, 0, length) !== 0) return CANNOT_MATCH
  return length < literal.length ? NEEDS_MORE : at + length
}

function matchNumber(
  received: Buffer,
  at: number,
  capture: string | null,
  captures: Captures,
): number {
  let end = at
  while (end < received.length && isDigit(received[end])) end++
  if (end === received.length) return NEEDS_MORE
  if (end === at) return CANNOT_MATCH
  if (capture !== null) captures.set(capture, received.toString('latin1', at, end))
  return end
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}

function withLineEnds(text: string): string {
  return text === '' ? '' : `${text}\n`.replace(/\n/g, '\r\n')
}

function substitute(text: string, names: Names): string {
  return text
    .replaceAll('@', names.prefix)
    .replace(/\{b64:([^}]*)\}/g, (_, inner: string) =>
      Buffer.from(inner, 'latin1').toString('base64'),
    )
    .replace(/\{([a-z]\w*)\}/g, (whole, name: string) => names.captures.get(name) ?? whole)
}

function parsePieces(source: string | Raw, names: Names): Piece[] {
  const text = source instanceof Raw ? source.text : withLineEnds(source)
  return text.split(/(\{n(?:=\w+)?\})/).map((part) => {
    const number = /^\{n(?:=(\w+))?\}$/.exec(part)
    if (number !== null) return { capture: number[1] ?? null }
    return { literal: Buffer.from(substitute(part, names), 'latin1') }
  })
}
