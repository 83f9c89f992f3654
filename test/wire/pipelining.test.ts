import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Server, SuiteScope } from '../support/server.ts'
import { runWire } from '../support/transcript.ts'

const COMMANDS = 2_000

function manySets(count: number): string {
  return Array.from({ length: count }, (_, index) => `set @${index} ${index} 0 4\nabcd`).join('\n')
}

runWire('pipelining', {
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
})

describe('turns and large multigets', () => {
  const scope = new SuiteScope()
  after(() => scope.close())
  let fair: Server
  let single: Server
  before(async () => {
    fair = await Server.start(scope, { flags: ['-t', '1', '-R', '1'] })
    single = await Server.start(scope, { flags: ['-t', '1'] })
  })

  test('a long pipeline yields after -R commands', async () => {
    const client = await fair.connect(scope)
    client.send('set turn 0 0 1\r\n1\r\n'.repeat(6))
    await client.expect('STORED\r\n'.repeat(6))
    const yields = Number((await client.stats()).get('conn_yields'))
    assert.ok(yields >= 5, `conn_yields ${yields}`)
  })

  test('another client is answered while a long pipeline runs', async () => {
    const long = await fair.connect(scope)
    const short = await fair.connect(scope)
    long.send('set turn 0 0 1\r\n1\r\n'.repeat(COMMANDS))
    short.send('mn\r\n')
    await short.expect('MN\r\n')
    await long.expect('STORED\r\n'.repeat(COMMANDS))
  })

  test('a multiget of 18725 keys is answered', async () => {
    const count = 18_725
    const keys = Array.from({ length: count }, (_, index) => `big${index}`)
    const client = await single.connect(scope)
    client.send(keys.map((key) => `set ${key} 0 0 4 noreply\r\n${key.slice(-4)}\r\n`).join(''))
    client.send(`get ${keys.join(' ')}\r\n`)
    await client.expect(
      `${keys.map((key) => `VALUE ${key} 0 4\r\n${key.slice(-4)}\r\n`).join('')}END\r\n`,
    )
  })

  test('the same multiget in pieces is answered, for get and gets', async () => {
    const keys = Array.from({ length: 3_000 }, (_, index) => `miss${index}`).join(' ')
    const client = await single.connect(scope)
    for (const command of ['get', 'gets']) {
      const line = `${command} ${keys}\r\n`
      for (let at = 0; at < line.length; at += 1000) {
        client.send(line.slice(at, at + 1000))
        await new Promise((resolve) => setImmediate(resolve))
      }
      await client.expect('END\r\n')
    }
  })
})
