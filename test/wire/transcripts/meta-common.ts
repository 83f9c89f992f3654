import { raw } from '../../support/pattern.ts'
import type { Transcripts } from '../../support/transcript.ts'

const BAD_LINE = 'CLIENT_ERROR bad command line format'
const BAD_TOKEN = 'CLIENT_ERROR bad token in command line format'
const OPAQUE_LONG = 'CLIENT_ERROR opaque token too long'

/** A command and, where it has one, its data: every meta command that takes flags. */
function each(flags: string, reply: (command: string) => string): (readonly [string, string])[] {
  return [
    [`mg @a ${flags}`, reply('mg')],
    [`ms @a 5 ${flags}\nget a`, reply('ms')],
    [`md @a ${flags}`, reply('md')],
    [`ma @a ${flags}`, reply('ma')],
  ]
}

function maHides(error: string): (command: string) => string {
  return (command) => (command === 'ma' ? 'CLIENT_ERROR invalid or duplicate flag' : error)
}

export const metaCommon: Transcripts = {
  'a flag given twice': [
    ...each('k k', maHides('CLIENT_ERROR duplicate flag')),
    ...each('T1 T2', maHides('CLIENT_ERROR duplicate flag')),
    ...each('P P', maHides('CLIENT_ERROR duplicate flag')),
    ...each('O1 q O2', maHides('CLIENT_ERROR duplicate flag')),
  ],
  'a flag nobody knows': [
    ...each('S100', maHides('CLIENT_ERROR invalid flag')),
    ...each('a', maHides('CLIENT_ERROR invalid flag')),
    ...each('Z', maHides('CLIENT_ERROR invalid flag')),
    ...each('0', maHides('CLIENT_ERROR invalid flag')),
    ...each('\\ k', maHides('CLIENT_ERROR invalid flag')),
    ...each('W', maHides('CLIENT_ERROR invalid flag')),
    ...each('X', maHides('CLIENT_ERROR invalid flag')),
  ],
  'a flag that is neither letter nor digit spoils the line, and no data is expected': [
    ['mg @a !', BAD_LINE],
    ['mg @a v ~', BAD_LINE],
    ['ms @a 2 !', BAD_LINE],
    ['md @a .', BAD_LINE],
    ['ma @a +', BAD_LINE],
    [raw('mg @a \xff\r\n'), BAD_LINE],
    ['mn', 'MN'],
  ],
  'letters that mean nothing to a command are ignored': [
    ['ms @a 1 v h l t x u f D5 J5 R5\n1', 'HD'],
    ['mg @a x I D1 J1 L M F1', 'HD'],
    ['ma @a x I h l u f s F1', 'HD'],
    ['md @a v h l t u s f c D1 J1 R1 L M', 'HD'],
  ],
  'P and L are accepted everywhere and change nothing': [
    ['ms @a 1 Pabc Lxyz\n1', 'HD'],
    ['ms @a 1 P L\n1', 'HD'],
    ['mg @a P/some/path?x Lany v', 'VA 1\n1'],
    ['ma @a Pabc L v', 'VA 1\n2'],
    [`mg @a P${'p'.repeat(300)} L${'l'.repeat(300)} k`, 'HD k@a'],
    ['me @a P L', /ME .*/],
    ['md @a Labc P', 'HD'],
    ['mg @a P L', 'EN'],
  ],
  'T, N, R, C and E need a number': [
    ...['T', 'Tx', 'T1x', 'T+1', 'N', 'Nx', 'R', 'Rx', 'C', 'Cx', 'C-1', 'E', 'Ex'].flatMap(
      (flag) => each(flag, maHides(BAD_TOKEN)),
    ),
    ...['T2147483648', 'N2147483648', 'R2147483648', 'C18446744073709551616'].flatMap((flag) =>
      each(flag, maHides(BAD_TOKEN)),
    ),
  ],
  'F, J and D need a number': [
    ...['F', 'Fx', 'F-1', 'F4294967296', 'F+1'].flatMap((flag) => each(flag, maHides(BAD_LINE))),
    ...['J', 'Jx', 'J-1', 'J18446744073709551616'].flatMap((flag) =>
      each(flag, maHides('CLIENT_ERROR invalid numeric initial value')),
    ),
    ...['D', 'Dx', 'D-1', 'D18446744073709551616'].flatMap((flag) =>
      each(flag, maHides('CLIENT_ERROR invalid numeric delta value')),
    ),
  ],
  'an opaque of 31 bytes passes, of 32 does not': [
    ...each(`O${'o'.repeat(32)}`, () => OPAQUE_LONG),
    [`mg @a O${'o'.repeat(31)}`, `EN O${'o'.repeat(31)}`],
    [`ms @a 5 O${'o'.repeat(31)}\n12345`, `HD O${'o'.repeat(31)}`],
    [`mg @a O${'o'.repeat(31)}`, `HD O${'o'.repeat(31)}`],
    [`mg @a O${'o'.repeat(32)}`, OPAQUE_LONG],
    [`ma @a O${'o'.repeat(32)}`, OPAQUE_LONG],
    [`md @a O${'o'.repeat(32)}`, OPAQUE_LONG],
    [`md @a O${'o'.repeat(31)}`, `HD O${'o'.repeat(31)}`],
    [raw('mg @a O\x01\xff\t~k\r\n'), raw('EN O\x01\xff\t~k\r\n')],
    ['mg @a O', 'EN O'],
  ],
  'a base64 key that cannot be decoded': [
    ['mg *** b', 'CLIENT_ERROR error decoding key'],
    ['mg abc b', 'CLIENT_ERROR error decoding key'],
    ['ms *** 5 b\nget a', 'CLIENT_ERROR error decoding key'],
    ['md *** b', 'CLIENT_ERROR error decoding key'],
    ['ma *** b', 'CLIENT_ERROR invalid or duplicate flag'],
    ['mn', 'MN'],
  ],
  'too few tokens': [
    ['mg', BAD_LINE],
    ['md', BAD_LINE],
    ['ma', BAD_LINE],
    ['ms', BAD_LINE],
    ['ms @a', BAD_LINE],
    ['me', BAD_LINE],
    ['mn', 'MN'],
  ],
  'a key of 250 bytes passes, of 251 does not': [
    [`ms @${'k'.repeat(245)} 1\n1`, 'HD'],
    [`mg @${'k'.repeat(245)} k v`, `VA 1 k@${'k'.repeat(245)}\n1`],
    [`mg @${'k'.repeat(246)}`, BAD_LINE],
    [`ms @${'k'.repeat(246)} 5\nget a`, BAD_LINE],
    [`md @${'k'.repeat(246)}`, BAD_LINE],
    [`me @${'k'.repeat(246)}`, BAD_LINE],
    [`ma @${'k'.repeat(246)}`, 'CLIENT_ERROR invalid or duplicate flag'],
    [`md @${'k'.repeat(245)}`, 'HD'],
  ],
  'the limit of a base64 key is on the text sent': [
    [`ms {b64:@${'k'.repeat(181)}} 1 b\n1`, 'HD'],
    [`mg {b64:@${'k'.repeat(181)}} b v`, 'VA 1\n1'],
    [`mg {b64:@${'k'.repeat(184)}} b v`, BAD_LINE],
  ],
  'a meta command name is exact': [
    ['MG @a', 'ERROR'],
    ['mx @a', 'ERROR'],
    ['mgg @a', 'ERROR'],
    ['m @a', 'ERROR'],
  ],
}
