/**
 * Makes replies of two servers comparable: each counts uniques by itself, and clocks may differ by a
 * second. Numbers chosen by the client (13 digits here) stay, so `E` is compared exactly.
 */
export function normalise(reply: string): string {
  return reply.split('\r\n').map(normaliseLine).join('\r\n')
}

function normaliseLine(line: string): string {
  if (line.startsWith('VALUE ')) return line.replace(/( \d+ \d+) \d{1,12}$/, '$1 #')
  if (line.startsWith('ME ')) return meLine(line)
  return /^(?:HD|VA|EN|NS|EX|NF) /.test(line) ? metaLine(line) : line
}

function metaLine(line: string): string {
  return line
    .replace(/ c[1-9]\d{0,11}(?= |$)/g, ' c#')
    .replace(/ t(0|4294\d{6})(?= |$)/g, ' t0')
    .replace(/ t[1-9]\d*(?= |$)/g, ' t+')
    .replace(/ l\d+(?= |$)/g, ' l#')
}

function meLine(line: string): string {
  return line
    .replace(/exp=\d+/, 'exp=+')
    .replace(/la=\d+/, 'la=#')
    .replace(/cas=\d{1,12} /, 'cas=# ')
}

/**
 * What remains different on purpose, or may: only applied when the plain comparison failed. Each
 * rule is described in README.md.
 */
export function forgive(reply: string): string {
  return (
    reply
      // A get with too long a key: the real one sends an extra empty line.
      .replace(
        /CLIENT_ERROR bad command line format\r\n\r\n/g,
        'CLIENT_ERROR bad command line format\r\n',
      )
      // A counter that became shorter is padded, unless an earlier reply of the same packet held it.
      .replace(/^VALUE ([^ \n]+) (\d+) \d+( \S+)?\r\n(\d+) *\r$/gm, 'VALUE $1 $2 ?$3\r\n$4\r')
      .replace(/^VA \d+(.*)\r\n(\d+) *\r$/gm, 'VA ?$1\r\n$2\r')
      .replace(/ s\d+(?= |\r)/g, ' s?')
      // A counter made anew instead of rewritten has not been fetched.
      .replace(/ h[01](?= |\r)/g, ' h?')
      .replace(/ fetch=(yes|no) /g, ' fetch=? ')
  )
}

/** For 1.6.18, whose error texts are others: every error is one error. */
export function errorsAlike(reply: string): string {
  return reply.replace(/^(ERROR|CLIENT_ERROR|SERVER_ERROR)[^\r\n]*\r$/gm, 'ERROR\r')
}
