import type { Transcripts } from '../../support/transcript.ts'
import { closed } from '../../support/transcript.ts'

const THIRTY_DAYS = 2_592_000

export const expiry: Transcripts = {
  'a negative time stores an item that is gone at once': [
    ['set @a 0 -1 1\n1', 'STORED'],
    ['get @a', 'END'],
    ['add @a 0 -1 1\n1', 'STORED'],
    ['add @a 0 0 1\n2', 'STORED'],
    ['replace @a 0 -2147483648 1\n1', 'STORED'],
    ['get @a', 'END'],
    ['append @a 0 0 1\n1', 'NOT_STORED'],
    ['incr @a 1', 'NOT_FOUND'],
    ['delete @a', 'NOT_FOUND'],
    ['touch @a 5', 'NOT_FOUND'],
  ],
  'a Unix time in the past stores an item that is gone at once': [
    [`add @a 0 ${THIRTY_DAYS + 1} 1\n1`, 'STORED'],
    ['get @a', 'END'],
    ['set @a 0 0 1\n1', 'STORED'],
    // How libmemcached asks whether a key exists.
    ['add @a 0 2678400 0\n', 'NOT_STORED'],
    ['get @a', 'VALUE @a 0 1\n1\nEND'],
    ['add @b 0 2678400 0\n', 'STORED'],
    ['get @b', 'END'],
    [`ms @a 1 T${THIRTY_DAYS + 1}\n1`, 'HD'],
    ['mg @a', 'EN'],
    ['set @a 0 0 1\n1', 'STORED'],
    [`touch @a ${THIRTY_DAYS + 1}`, 'TOUCHED'],
    ['get @a', 'END'],
  ],
  'a Unix time in the future is counted from now': [
    [`set @a 0 ${Math.floor(Date.now() / 1000) + 1_000} 1\n1`, 'STORED'],
    ['mg @a t', /HD t(100[01]|99\d|98\d|97\d|96\d|95\d|94\d|93\d)/],
    [`touch @a ${Math.floor(Date.now() / 1000) + 2_000}`, 'TOUCHED'],
    ['mg @a t', /HD t(200[01]|199\d|198\d|197\d|196\d|195\d|194\d|193\d)/],
  ],
  'thirty days are still a duration': [
    [`set @a 0 ${THIRTY_DAYS} 1\n1`, 'STORED'],
    ['mg @a t', /HD t25919\d\d|HD t2592000/],
  ],
  'append, prepend, incr and decr keep the time': [
    ['set @a 0 1000 1\n1', 'STORED'],
    ['append @a 0 0 1\n2', 'STORED'],
    ['prepend @a 0 -1 1\n3', 'STORED'],
    ['incr @a 1', '313'],
    ['decr @a 300', '13'],
    ['mg @a t s', /HD t(1000|99\d|98\d) s3/],
  ],
  'md x without T drops the time, set without one too': [
    ['set @a 0 1000 1\n1', 'STORED'],
    ['set @a 0 0 1\n1', 'STORED'],
    ['mg @a t', 'HD t-1'],
  ],
  'a connection survives all that': [['quit', closed()]],
}
