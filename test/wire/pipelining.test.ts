import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Server, SuiteScope } from '../support/server.ts'

const COMMANDS = 2_000

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
