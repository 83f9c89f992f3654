/**
 * Every reply line that never changes. A line is named by its number, so that the parser can say
 * which error it found; LINE_BYTES has the bytes, made once.
 */
export const LINE = {
  stored: 0,
  notStored: 1,
  exists: 2,
  notFound: 3,
  deleted: 4,
  touched: 5,
  ok: 6,
  end: 7,
  error: 8,
  version: 9,
  metaNoop: 10,
  metaMiss: 11,
  reset: 12,
  badFormat: 13,
  badDataChunk: 14,
  tooLarge: 15,
  noMemoryStoring: 16,
  noMemory: 17,
  badExptime: 18,
  badDelta: 19,
  nonNumeric: 20,
  invalidFlag: 21,
  duplicateFlag: 22,
  flagsTooLong: 23,
  badToken: 24,
  badInitial: 25,
  badDeltaFlag: 26,
  invalidOrDuplicateFlag: 27,
  badBase64: 28,
  opaqueTooLong: 29,
  badStoreMode: 30,
  badArithmeticMode: 31,
  flushNotAllowed: 32,
  unauthenticated: 33,
  authFailure: 34,
  authTooLong: 35,
  authBadFormat: 36,
  authBadTermination: 37,
  tooManyConnections: 38,
  outOfMemoryReading: 39,
  permissionDenied: 40,
} as const

/** What `version` answers. Dalli wants 1.6.27 at least; we do what 1.6.45 does. */
export const SERVER_VERSION = '1.6.45'

/** Longest of the lines, for reserve(). */
export const LINE_BYTES_LONGEST = 96

const TEXTS: Readonly<Record<keyof typeof LINE, string>> = {
  stored: 'STORED',
  notStored: 'NOT_STORED',
  exists: 'EXISTS',
  notFound: 'NOT_FOUND',
  deleted: 'DELETED',
  touched: 'TOUCHED',
  ok: 'OK',
  end: 'END',
  error: 'ERROR',
  version: `VERSION ${SERVER_VERSION}`,
  metaNoop: 'MN',
  metaMiss: 'EN',
  reset: 'RESET',
  badFormat: 'CLIENT_ERROR bad command line format',
  badDataChunk: 'CLIENT_ERROR bad data chunk',
  tooLarge: 'SERVER_ERROR object too large for cache',
  noMemoryStoring: 'SERVER_ERROR out of memory storing object',
  noMemory: 'SERVER_ERROR out of memory',
  badExptime: 'CLIENT_ERROR invalid exptime argument',
  badDelta: 'CLIENT_ERROR invalid numeric delta argument',
  nonNumeric: 'CLIENT_ERROR cannot increment or decrement non-numeric value',
  invalidFlag: 'CLIENT_ERROR invalid flag',
  duplicateFlag: 'CLIENT_ERROR duplicate flag',
  flagsTooLong: 'CLIENT_ERROR options flags are too long',
  badToken: 'CLIENT_ERROR bad token in command line format',
  badInitial: 'CLIENT_ERROR invalid numeric initial value',
  badDeltaFlag: 'CLIENT_ERROR invalid numeric delta value',
  invalidOrDuplicateFlag: 'CLIENT_ERROR invalid or duplicate flag',
  badBase64: 'CLIENT_ERROR error decoding key',
  opaqueTooLong: 'CLIENT_ERROR opaque token too long',
  badStoreMode: 'CLIENT_ERROR invalid mode for ms M token',
  badArithmeticMode: 'CLIENT_ERROR invalid mode for ma M token',
  flushNotAllowed: 'CLIENT_ERROR flush_all not allowed',
  unauthenticated: 'CLIENT_ERROR unauthenticated',
  authFailure: 'CLIENT_ERROR authentication failure',
  authTooLong: 'CLIENT_ERROR auth token too long',
  authBadFormat: 'CLIENT_ERROR bad authentication token format',
  authBadTermination: 'CLIENT_ERROR bad command line termination',
  tooManyConnections: 'ERROR Too many open connections',
  outOfMemoryReading: 'SERVER_ERROR out of memory reading request',
  permissionDenied: 'CLIENT_ERROR permission denied',
}

/** By LINE number, \r\n included. */
export const LINE_BYTES: readonly Buffer[] = linesInOrder()

/** By LINE number: whether it tells a client about its own mistake. */
export const LINE_IS_CLIENT_ERROR: readonly boolean[] = LINE_BYTES.map(
  (bytes) => bytes.toString().startsWith('CLIENT_ERROR') || bytes.toString() === 'ERROR\r\n',
)

/** By LINE number: whether it is an error of any kind, the server's own included. */
export const LINE_IS_ERROR: readonly boolean[] = LINE_BYTES.map((bytes) =>
  /^(CLIENT_|SERVER_)?ERROR/.test(bytes.toString()),
)

function linesInOrder(): Buffer[] {
  const lines: Buffer[] = []
  for (const [name, index] of Object.entries(LINE)) {
    lines[index] = Buffer.from(`${TEXTS[name as keyof typeof LINE]}\r\n`)
  }
  return lines
}
