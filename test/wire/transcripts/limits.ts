import { raw } from '../../support/pattern.ts'
import type { Transcripts } from '../../support/transcript.ts'

export const limits: Transcripts = {
  '23 tokens are looked at, and a noreply further on is not seen': [
    [`set @a 0 0 1${' x'.repeat(17)} noreply\n1`, ''],
    [`set @a 0 0 1${' x'.repeat(18)} noreply\n2`, 'STORED'],
    [`set @a 0 0 1${' x'.repeat(19)} noreply\n3`, 'STORED'],
    [`set @a 0 0 1${' x'.repeat(300)} noreply\n4`, 'STORED'],
    ['get @a', 'VALUE @a 0 1\n4\nEND'],
  ],
  'a meta command takes 20 tokens, its name and key included': [
    ['mg @a c f h k l s t u v x C1 D1 E1 F1 I J1 L', 'EN k@a'],
    ['mg @a c f h k l s t u v x C1 D1 E1 F1 I J1 L M', 'EN k@a'],
    ['mg @a c f h k l s t u v x C1 D1 E1 F1 I J1 L M P', 'CLIENT_ERROR options flags are too long'],
  ],
  'client flags beyond 64 bits are an error': [
    ['set @a 18446744073709551616 0 1\n1', 'CLIENT_ERROR bad command line format'],
    ['set @a 4294967295 0 1\n1', 'STORED'],
    ['get @a', 'VALUE @a 4294967295 1\n1\nEND'],
  ],
  'a time beyond 32 bits is cut': [
    ['set @a 0 99999999999 1\n1', 'STORED'],
    ['get @a', 'END'],
  ],
  'numbers may have leading zeros, within a length': [
    ['set @a 0 0 00000000001\n1', 'STORED'],
    ['touch @a 00000000100', 'TOUCHED'],
    ['incr @a 0000000000000000000001', '2'],
    ['mg @a v', 'VA 1\n2'],
  ],
  'spaces alone are a command that nobody knows': [
    [' '.repeat(300), 'ERROR'],
    [raw(`${' '.repeat(1500)}\r\n`), 'ERROR'],
  ],
}
