/** Well below the 2048 bytes at which a line with no end closes the connection. */
const LINE_BYTES_MAX = 1_500

/**
 * Streams that are not compared, each because the real memcached does something there that we do not
 * copy or that hangs on timing. README.md has the reason of each rule.
 */
export function isExcluded(text: string): boolean {
  return (
    text.charCodeAt(0) === 0x80 ||
    losesReplies(text) ||
    countsBlanks(text) ||
    opaqueAfterChange(text) ||
    leavesUnique(text)
  )
}

/**
 * Streams in which a long line may be met in part: whether the server closes then, and what it has
 * done until then, hangs on how the bytes arrive.
 */
export function isExcludedStream(text: string, damaged: boolean, inPieces: boolean): boolean {
  if (damaged && /ms [^\n]*E\d/.test(text)) return true
  if (damaged) return text.split('\n').some((line) => line.length > LINE_BYTES_MAX)
  return inPieces && /(?:^|\n)gats? [^\n]{1500}/.test(text)
}

/** A get with too long a key throws away replies of earlier commands. */
function losesReplies(text: string): boolean {
  return /(?:^|\n)(?:get|gets|gat|gats) [^\n]*[^ \n]{251}/.test(text)
}

/** incr of a value that is only white space reads on behind it. */
function countsBlanks(text: string): boolean {
  return /\r\n[ \t\r\n\v\f]+\r\n/.test(text)
}

/** An opaque that is too long is found only after mg and ma have changed the item. */
function opaqueAfterChange(text: string): boolean {
  return /O[^ \n]{32}/.test(text)
}

/** When an ms with E fails before its data, the next store on the connection gets that unique. */
function leavesUnique(text: string): boolean {
  return (
    /(?:^|\n)ms \S+ (?:\d{7,}[^\n]*|[^\n]*) E\d[^\n]*/.test(text) && STRANGE_OR_LARGE.test(text)
  )
}

const STRANGE_OR_LARGE =
  /ms \S+ \d{7}|ms [^\n]* (?:S10|k k|T|Tx|Nx|Cx|Fx|Dx|Jx|Z|0|R|Ex|E\d+ [^\n]*E\d+)(?: |\r)/
