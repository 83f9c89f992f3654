import type { Transcripts } from '../../support/transcript.ts'

export const append: Transcripts = {
  'append puts bytes behind the value and prepend before it': [
    ['set @a 5 0 2\nbb', 'STORED'],
    ['append @a 0 0 1\nc', 'STORED'],
    ['prepend @a 0 0 3\naaa', 'STORED'],
    ['get @a', 'VALUE @a 5 6\naaabbc\nEND'],
  ],
  'a miss is NOT_STORED and stores nothing': [
    ['append @a 0 0 1\n1', 'NOT_STORED'],
    ['prepend @a 0 0 1\n1', 'NOT_STORED'],
    ['get @a', 'END'],
  ],
  'flags and time sent are ignored but must be numbers': [
    ['set @a 77 0 1\n1', 'STORED'],
    ['append @a 88 1 1\n2', 'STORED'],
    ['prepend @a 99 -1 1\n0', 'STORED'],
    ['get @a', 'VALUE @a 77 3\n012\nEND'],
    ['mg @a t f', 'HD t-1 f77'],
    ['append @a x 0 1\n3', 'CLIENT_ERROR bad command line format'],
    ['prepend @a 0 x 1\n3', 'CLIENT_ERROR bad command line format'],
    ['get @a', 'VALUE @a 77 3\n012\nEND'],
  ],
  'empty pieces change nothing but are stored': [
    ['set @a 0 0 0\n', 'STORED'],
    ['append @a 0 0 0\n', 'STORED'],
    ['append @a 0 0 3\nabc', 'STORED'],
    ['prepend @a 0 0 0\n', 'STORED'],
    ['get @a', 'VALUE @a 0 3\nabc\nEND'],
  ],
  'a value grows by many appends': [
    ['set @a 0 0 0\n', 'STORED'],
    ...Array.from({ length: 30 }, (_, index) => {
      const piece = String.fromCharCode(97 + (index % 26)).repeat(97)
      return [`append @a 0 0 97\n${piece}`, 'STORED'] as const
    }),
    [
      'get @a',
      `VALUE @a 0 2910\n${Array.from({ length: 30 }, (_, index) =>
        String.fromCharCode(97 + (index % 26)).repeat(97),
      ).join('')}\nEND`,
    ],
  ],
  'a value grows beyond a page, from both ends': [
    [`set @a 0 0 6000\n${'m'.repeat(6000)}`, 'STORED'],
    [`append @a 0 0 6000\n${'e'.repeat(6000)}`, 'STORED'],
    [`prepend @a 0 0 6000\n${'s'.repeat(6000)}`, 'STORED'],
    ['get @a', `VALUE @a 0 18000\n${'s'.repeat(6000)}${'m'.repeat(6000)}${'e'.repeat(6000)}\nEND`],
  ],
  'append and prepend heed noreply': [
    ['append @a 0 0 1 noreply\n1', ''],
    ['set @a 0 0 1\n1', 'STORED'],
    ['append @a 0 0 1 noreply\n2', ''],
    ['prepend @a 0 0 1 noreply\n0', ''],
    ['get @a', 'VALUE @a 0 3\n012\nEND'],
  ],
}
