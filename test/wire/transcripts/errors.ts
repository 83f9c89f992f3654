import { raw } from '../../support/pattern.ts'
import { isMemcached } from '../../support/target.ts'
import type { Transcripts } from '../../support/transcript.ts'
import { closed, intended } from '../../support/transcript.ts'

const BAD_LINE = 'CLIENT_ERROR bad command line format'
const TOO_LARGE = 'SERVER_ERROR object too large for cache'
const STORAGE = ['set', 'add', 'replace', 'append', 'prepend', 'cas']

/** The arguments after the length: only cas has one. */
function unique(command: string): string {
  return command === 'cas' ? ' 1' : ''
}

export const errors: Transcripts = {
  'an unknown command is ERROR, and what follows is the next command': [
    ['foobar', 'ERROR'],
    ['foobar 1 2 3', 'ERROR'],
    ['fooset @a 0 0 3\nmn', 'ERROR\nMN'],
    ['GET @a', 'ERROR'],
    ['Get @a', 'ERROR'],
    ['gets2 @a', 'ERROR'],
    ['gett @a', 'ERROR'],
    ['getter', 'ERROR'],
    [' get @a', 'ERROR'],
    ['  ', 'ERROR'],
    ['slab', 'ERROR'],
    ['debugtimex', 'ERROR'],
    [raw('\0\0\0\0\r\n'), 'ERROR'],
    [raw('\x7f\x45\x4c\x46\r\n'), 'ERROR'],
    [raw('get\t@a\r\n'), 'ERROR'],
  ],
  'a line of fewer than four bytes is no command': [
    [raw('\r\n'), BAD_LINE],
    [raw('\n'), BAD_LINE],
    [raw('a\r\n'), BAD_LINE],
    [raw('mn\n'), BAD_LINE],
    [raw('abc\n'), 'ERROR'],
    ['mn', 'MN'],
  ],
  'a known command with too few tokens': [
    ...['get', 'gets', 'delete', 'incr', 'incr @a', 'decr @a', 'touch @a', 'gat', 'gat 0'].map(
      (line) => [line, BAD_LINE] as const,
    ),
    ...STORAGE.flatMap((command) =>
      ['', ' @a', ' @a 0', ' @a 0 0'].map((rest) => [command + rest, BAD_LINE] as const),
    ),
    ['get ', BAD_LINE],
    ['mn', 'MN'],
  ],
  'a bad length expects no data': [
    ...STORAGE.flatMap((command) =>
      ['x', '-1', '1x', '+1', '2147483646', '2147483648', '99999999999999999999', '1.5'].map(
        (length) => [`${command} @a 0 0 ${length}${unique(command)}`, BAD_LINE] as const,
      ),
    ),
  ],
  'bad flags or a bad time swallow the data': [
    ...STORAGE.flatMap((command) =>
      ['x 0', '-1 0', '0x10 0', '99999999999999999999 0', '0 x', '0 1x', '0 0x10'].map(
        (numbers) => [`${command} @a ${numbers} 5${unique(command)}\nget a`, BAD_LINE] as const,
      ),
    ),
    ['get @a', 'END'],
  ],
  'a long key swallows the data': [
    ...STORAGE.map(
      (command) =>
        [`${command} @${'k'.repeat(246)} 0 0 5${unique(command)}\nget a`, BAD_LINE] as const,
    ),
    ['mn', 'MN'],
  ],
  'a key of 250 bytes passes': [
    [`set @${'k'.repeat(245)} 0 0 1\n1`, 'STORED'],
    [`get @${'k'.repeat(245)}`, `VALUE @${'k'.repeat(245)} 0 1\n1\nEND`],
    [`incr @${'k'.repeat(245)} 1`, '2'],
    [`touch @${'k'.repeat(245)} 0`, 'TOUCHED'],
    [`gat 0 @${'k'.repeat(245)}`, `VALUE @${'k'.repeat(245)} 0 1\n2\nEND`],
    [`delete @${'k'.repeat(245)}`, 'DELETED'],
  ],
  'a key of 251 bytes does not': [
    [`delete @${'k'.repeat(246)}`, BAD_LINE],
    [`incr @${'k'.repeat(246)} 1`, BAD_LINE],
    [`decr @${'k'.repeat(246)} 1`, BAD_LINE],
    [`touch @${'k'.repeat(246)} 1`, BAD_LINE],
    ['mn', 'MN'],
  ],
  'get of a key of 251 bytes is one error line, and values already found are not sent': {
    pipelined: !isMemcached,
    steps: [
      ['set @a 0 0 1\n1', 'STORED'],
      [`get @${'k'.repeat(246)}`, intended(BAD_LINE, `${BAD_LINE}\n`)],
      [`get @a @${'k'.repeat(246)} @a`, intended(BAD_LINE, `${BAD_LINE}\n`)],
      [`gets @a @${'k'.repeat(246)}`, intended(BAD_LINE, `${BAD_LINE}\n`)],
      [`gat 0 @a @${'k'.repeat(246)}`, intended(BAD_LINE, `${BAD_LINE}\n`)],
      ['get @a', 'VALUE @a 0 1\n1\nEND'],
    ],
  },
  'data that does not end where it should': [
    // One byte too long: what is left of the line is a command of its own.
    [
      raw('set @a 0 0 3\r\nabcd\r\n'),
      'CLIENT_ERROR bad data chunk\nCLIENT_ERROR bad command line format',
    ],
    [
      raw('set @a 0 0 3\r\nabcde\r\nmn\r\n'),
      'CLIENT_ERROR bad data chunk\nCLIENT_ERROR bad command line format\nMN',
    ],
    [raw('set @a 0 0 3\r\nabcdeversion\r\n'), 'CLIENT_ERROR bad data chunk\nVERSION 1.6.45'],
    // One byte too short: the next command lost its first byte.
    [raw('set @a 0 0 3\r\nab\r\nversion\r\n'), 'CLIENT_ERROR bad data chunk\nERROR'],
    [raw('set @a 0 0 0\r\nxy'), 'CLIENT_ERROR bad data chunk'],
    [raw('set @a 0 0 0\r\n\n\r'), 'CLIENT_ERROR bad data chunk'],
    [raw('set @a 0 0 3\r\nabc\n\r'), 'CLIENT_ERROR bad data chunk'],
    ['get @a', 'END'],
  ],
  'a value may be 1048576 bytes as an item, and no more': {
    steps: [
      // 48 bytes, key, NUL, value, CRLF and the unique of 8 bytes make the item.
      [`set @ab 0 0 1048510\n${'v'.repeat(1_048_510)}`, 'STORED'],
      ['mg @ab s', 'HD s1048510'],
      [`set @ab 0 0 1048511\n${'v'.repeat(1_048_511)}`, TOO_LARGE],
      ['get @ab', 'END'],
      [`set @ab 1 0 1048507\n${'v'.repeat(1_048_507)}`, TOO_LARGE],
      [`set @ab 1 0 1048506\n${'v'.repeat(1_048_506)}`, 'STORED'],
    ],
  },
  'too large a value is swallowed; set takes the old item with it, the others leave it': [
    ...STORAGE.flatMap(
      (command) =>
        [
          ['set @a 0 0 1\n1', 'STORED'],
          [`${command} @a 0 0 1048576${unique(command)}\n${'x'.repeat(1_048_576)}`, TOO_LARGE],
          ['get @a', command === 'set' ? 'END' : 'VALUE @a 0 1\n1\nEND'],
        ] as const,
    ),
  ],
  'an append whose result would be too large is NOT_STORED and changes nothing': [
    [`set @a 0 0 600000\n${'x'.repeat(600_000)}`, 'STORED'],
    [`append @a 0 0 600000\n${'x'.repeat(600_000)}`, 'NOT_STORED'],
    [`ms @a 600000 MP\n${'x'.repeat(600_000)}`, 'NS'],
    ['mg @a s', 'HD s600000'],
  ],
  'quit closes, and nothing after it runs': {
    // Bytes sent after the close would reset the connection, and the client might lose the reply.
    cut: false,
    steps: [
      ['set @a 0 0 1\n1', 'STORED'],
      ['get @a\nquit\nget @a', closed('VALUE @a 0 1\n1\nEND')],
    ],
  },
  'quit closes after the replies to what came before it': [
    ['set @a 0 0 1\n1', 'STORED'],
    ['get @a\nquit', closed('VALUE @a 0 1\n1\nEND')],
  ],
  'quit with arguments closes too': [['quit now please', closed()]],
  'an HTTP request closes without a reply': [['GET / HTTP/1.1\nHost: localhost\n', closed()]],
  'any unknown command whose last token begins with HTTP/ closes': [
    ['POST /a b c HTTP/1.0', closed()],
  ],
  'a known command may end in HTTP/': [
    ['get @a HTTP/1.1', 'END'],
    ['HTTP/1.1', 'ERROR'],
    ['x HTTP/1.1 y', 'ERROR'],
  ],
}
