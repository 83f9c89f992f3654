import type { Transcripts } from '../../support/transcript.ts'

function manySets(count: number): string {
  return Array.from({ length: count }, (_, index) => `set @${index} ${index} 0 4\nabcd`).join('\n')
}

export const pipelining: Transcripts = {
  'replies come in the order of the commands': [
    [
      'set @a 0 0 1\n1\nget @a\nincr @a 1\nget @a\ndelete @a\nget @a\nfoo\nmg @a\nversion\nmn',
      'STORED\nVALUE @a 0 1\n1\nEND\n2\nVALUE @a 0 1\n2\nEND\nDELETED\nEND\nERROR\nEN\nVERSION 1.6.45\nMN',
    ],
  ],
  'noreply and quiet commands leave no gap': [
    [
      'set @a 0 0 1 noreply\n1\nmg @a q\nmg @none q\nms @b 1 q\n2\nmg @b v q k\nincr @a 1 noreply\nget @a\nmn',
      'HD\nVA 1 k@b\n2\nVALUE @a 0 1\n2\nEND\nMN',
    ],
  ],
  'an error in the middle does not disturb what follows': [
    [
      'set @a 0 0 1\n1\nset @a 0 0 x\nget @a\nset @a x 0 5\nget z\nget @a\nincr @a x\nget @a',
      'STORED\nCLIENT_ERROR bad command line format\nVALUE @a 0 1\n1\nEND\nCLIENT_ERROR bad command line format\nVALUE @a 0 1\n1\nEND\nCLIENT_ERROR invalid numeric delta argument\nVALUE @a 0 1\n1\nEND',
    ],
  ],
  'hundreds of commands in one write': [
    [manySets(300), 'STORED\n'.repeat(300).trimEnd()],
    [
      `get ${Array.from({ length: 300 }, (_, index) => `@${index}`).join(' ')}`,
      `${Array.from({ length: 300 }, (_, index) => `VALUE @${index} ${index} 4\nabcd\n`).join('')}END`,
    ],
  ],
  'many large values are asked for in one write': [
    [`set @a 0 0 100000\n${'v'.repeat(100_000)}`, 'STORED'],
    [
      Array.from({ length: 20 }, () => 'get @a').join('\n'),
      Array.from({ length: 20 }, () => `VALUE @a 0 100000\n${'v'.repeat(100_000)}\nEND`).join('\n'),
    ],
  ],
}
