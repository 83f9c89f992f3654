import type { Transcripts } from '../../support/transcript.ts'

const BAD_TIME = 'CLIENT_ERROR invalid exptime argument'

export const touch: Transcripts = {
  'touch sets the time to live': [
    ['touch @a 100', 'NOT_FOUND'],
    ['set @a 7 0 1\n1', 'STORED'],
    ['touch @a 100', 'TOUCHED'],
    ['mg @a t f', /HD t(100|99|98) f7/],
    ['touch @a 0', 'TOUCHED'],
    ['mg @a t', 'HD t-1'],
    ['touch @a 0100', 'TOUCHED'],
    ['get @a', 'VALUE @a 7 1\n1\nEND'],
  ],
  'a negative time touches the item away': [
    ['set @a 0 0 1\n1', 'STORED'],
    ['touch @a -1', 'TOUCHED'],
    ['get @a', 'END'],
    ['set @a 0 0 1\n1', 'STORED'],
    ['touch @a -2147483648', 'TOUCHED'],
    ['touch @a 1', 'NOT_FOUND'],
  ],
  'gat returns values and sets their time': [
    ['gat 100 @a', 'END'],
    ['set @a 7 0 1\n1', 'STORED'],
    ['set @b 8 0 2\n22', 'STORED'],
    ['gat 100 @a', 'VALUE @a 7 1\n1\nEND'],
    ['gat 100 @b @none @a', 'VALUE @b 8 2\n22\nVALUE @a 7 1\n1\nEND'],
    ['gats 0100 @a @b', 'VALUE @a 7 1 {n}\n1\nVALUE @b 8 2 {n}\n22\nEND'],
    ['mg @a t', /HD t(100|99|98)/],
    ['mg @b t', /HD t(100|99|98)/],
    ['gat 0 @b', 'VALUE @b 8 2\n22\nEND'],
    ['mg @b t', 'HD t-1'],
  ],
  'gat takes many keys': [
    ['set @a 0 0 1\nA', 'STORED'],
    [`gat 100${' @a'.repeat(40)}`, `${'VALUE @a 0 1\nA\n'.repeat(40)}END`],
    [`gats 100${' @a'.repeat(40)}`, `${'VALUE @a 0 1 {n}\nA\n'.repeat(40)}END`],
  ],
  'gat with a time in the past returns the value a last time': [
    ['set @a 0 0 1\n1', 'STORED'],
    ['gat -1 @a', 'VALUE @a 0 1\n1\nEND'],
    ['get @a', 'END'],
  ],
  'a time that is no signed 32-bit number is refused': [
    ['set @a 0 0 1\n1', 'STORED'],
    ['touch @a x', BAD_TIME],
    ['touch @a +1', BAD_TIME],
    ['touch @a 2147483648', BAD_TIME],
    ['touch @a 1.5', BAD_TIME],
    ['gat x @a', BAD_TIME],
    ['gats 1x @a', BAD_TIME],
    ['gat 2147483648 @a', BAD_TIME],
    ['touch @a 2147483647', 'TOUCHED'],
    ['get @a', 'VALUE @a 0 1\n1\nEND'],
  ],
  'too few tokens': [
    ['touch @a', 'CLIENT_ERROR bad command line format'],
    ['touch', 'CLIENT_ERROR bad command line format'],
    ['gat', 'CLIENT_ERROR bad command line format'],
    ['gat 100', 'CLIENT_ERROR bad command line format'],
    ['gats 100', 'CLIENT_ERROR bad command line format'],
  ],
  'touch heeds noreply': [
    ['set @a 0 0 1\n1', 'STORED'],
    ['touch @a 100 noreply', ''],
    ['touch @none 100 noreply', ''],
    ['touch @a x noreply', ''],
    ['mg @a t', /HD t(100|99|98)/],
  ],
}
