import assert from 'node:assert/strict'
import { isMemcached } from '../../support/target.ts'
import type { Transcripts } from '../../support/transcript.ts'
import { intended } from '../../support/transcript.ts'

const MAX = '18446744073709551615'
const NON_NUMERIC = 'CLIENT_ERROR cannot increment or decrement non-numeric value'

export const metaArithmetic: Transcripts = {
  'ma adds one and says HD': [
    ['ma @n', 'NF'],
    ['set @n 0 0 1\n1', 'STORED'],
    ['ma @n', 'HD'],
    ['get @n', 'VALUE @n 0 1\n2\nEND'],
  ],
  'v returns the number': [
    ['set @n 5 0 1\n9', 'STORED'],
    ['ma @n v', 'VA 2\n10'],
    ['ma @n v t s c k Oabc', 'VA 2 t-1 c{n} k@n Oabc\n11'],
    ['get @n', 'VALUE @n 5 2\n11\nEND'],
  ],
  'M and D choose direction and delta': [
    ['set @n 0 0 2\n10', 'STORED'],
    ['ma @n MI v', 'VA 2\n11'],
    ['ma @n M+ v D9', 'VA 2\n20'],
    ['ma @n MD v', 'VA 2\n19'],
    ['ma @n M- v D9', 'VA 2\n10'],
    ['ma @n MIncr v', 'VA 2\n11'],
    ['ma @n MDecr D100 v', 'VA 1\n0'],
    ['ma @n D0 v', 'VA 1\n0'],
    ['ma @n Mi', 'CLIENT_ERROR invalid mode for ma M token'],
    ['ma @n MX', 'CLIENT_ERROR invalid mode for ma M token'],
    ['ma @n M', 'CLIENT_ERROR invalid mode for ma M token'],
    ['ma @none MX', 'CLIENT_ERROR invalid mode for ma M token'],
    ['ma @n MX q', 'CLIENT_ERROR invalid mode for ma M token'],
  ],
  'it wraps at 2^64 and stops at 0': [
    [`set @n 0 0 20\n${MAX}`, 'STORED'],
    ['ma @n v', 'VA 1\n0'],
    [`ma @n v D${MAX}`, `VA 20\n${MAX}`],
    ['ma @n MD v', 'VA 20\n18446744073709551614'],
    [`ma @n MD D${MAX} v`, 'VA 1\n0'],
    ['ma @n MD v', 'VA 1\n0'],
  ],
  'N makes the counter with the value of J, without the delta': [
    ['ma @n N0 v', 'VA 1\n0'],
    ['ma @n N0 v', 'VA 1\n1'],
    ['ma @m N90 J13 D7', 'HD'],
    ['mg @m t', /HD t(90|89|88)/],
    ['ma @m N90 J13 D7 v', 'VA 2\n20'],
    [`ma @o N0 J${MAX} v`, `VA 20\n${MAX}`],
    ['ma @p J13 v', 'NF'],
    ['ma @p MD N0 J5 v', 'VA 1\n5'],
    ['ma @q N0 v c k O7', 'VA 1 c{n} k@q O7\n0'],
  ],
  'T sets the time on a hit, and t shows it': [
    ['set @n 0 0 1\n1', 'STORED'],
    ['ma @n t', 'HD t-1'],
    ['ma @n T100 t', /HD t(100|99|98)/],
    ['ma @n t', /HD t(100|99|98)/],
    ['ma @n T0 t', 'HD t-1'],
  ],
  'C works on the same unique only, E chooses the new one': [
    ['ms @n 1 E100\n1', 'HD'],
    ['ma @n C99', 'EX'],
    ['ma @n C100 v', 'VA 1\n2'],
    ['ma @n C100 v', 'EX'],
    ['ma @n E500 c', 'HD c500'],
    ['ma @n C500 E600 c v', 'VA 1 c600\n4'],
    ['ma @n c', 'HD c{n=fresh}'],
    (captures) => assert.notEqual(captures.get('fresh'), '600'),
    ['ma @m N0 E1000 c', 'HD c1000'],
    ['ma @none C5', 'NF'],
  ],
  'a C that does not match is told before a value that is no number': [
    ['set @n 0 0 2\nxy', 'STORED'],
    ['ma @n C999999999', 'EX'],
    ...[41, 100, 9_000].flatMap(
      (length) =>
        [
          [`set @n 0 0 ${length}\n${'x'.repeat(length)}`, 'STORED'],
          ['ma @n C999999999', 'EX'],
          ['ma @n', NON_NUMERIC],
        ] as const,
    ),
  ],
  'T is kept by a counter that becomes longer too': [
    ['set @n 0 0 2\n99', 'STORED'],
    ['ma @n T100 t', /HD t(100|99|98)/],
    // memcached answers with the new time but keeps the old one.
    ['mg @n t', isMemcached ? 'HD t-1' : /HD t(100|99|98)/],
  ],
  'E is the new unique of a counter that becomes longer too': [
    ['set @n 0 0 2\n99', 'STORED'],
    ['ma @n E700 c v', 'VA 3 c700\n100'],
    // memcached says c700 above but stores another one.
    ['mg @n c', intended('HD c700', 'HD c{n}')],
  ],
  'k and O come back on every answer, and q hides HD and VA': [
    ['ma @n k Oabc', 'NF k@n Oabc'],
    ['ma @n q k', 'NF k@n'],
    ['set @n 0 0 1\n1', 'STORED'],
    ['ma @n q', ''],
    ['ma @n q v k', ''],
    ['ma @n q C1 O5', 'EX O5'],
    ['ma @n v', 'VA 1\n4'],
  ],
  'a value that is no number': [
    ['set @n 0 0 2\nxy', 'STORED'],
    ['ma @n', NON_NUMERIC],
    ['ma @n q', NON_NUMERIC],
    ['ma @n N0 J5', NON_NUMERIC],
  ],
  'base64 keys': [
    ['ma {b64:@\x01\xff} b N0 J7 v k', 'VA 1 k{b64:@\x01\xff} b\n7'],
    ['ma {b64:@\x01\xff} b v', 'VA 1\n8'],
    ['ma {b64:@none} b k', 'NF k{b64:@none} b'],
  ],
  'whatever is wrong with its flags or key, ma says one thing': [
    ['set @n 0 0 1\n1', 'STORED'],
    ...['D', 'Dx', 'D-1', 'Jx', 'Tx', 'T', 'Nx', 'Rx', 'Cx', 'Ex', 'Fx', 'Z', 'v v', 'D1 D2'].map(
      (flags) => [`ma @n ${flags}`, 'CLIENT_ERROR invalid or duplicate flag'] as const,
    ),
    [`ma ${'k'.repeat(251)}`, 'CLIENT_ERROR invalid or duplicate flag'],
    ['ma', 'CLIENT_ERROR bad command line format'],
    ['get @n', 'VALUE @n 0 1\n1\nEND'],
  ],
}
