import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Server, SuiteScope } from '../support/server.ts'
import { nextPrefix } from '../support/transcript.ts'

/** Long lines: what counts is what is in the buffer when no line end has come yet. */
describe('long lines', () => {
  const scope = new SuiteScope()
  after(() => scope.close())
  let server: Server
  before(async () => {
    server = await Server.start(scope, { flags: ['-t', '2'] })
  })

  const closing: Record<string, string> = {
    'of no known command': 'x'.repeat(2100),
    'of spaces': ' '.repeat(2100),
    'of a set': `set ${'k'.repeat(2100)}`,
    'of gat, which has no grace': `gat 0 ${'k '.repeat(1100)}`,
    'of a meta command': `mg a ${'k '.repeat(1100)}`,
    'of get without the space': `get${'x'.repeat(2100)}`,
    'of get after more than a hundred spaces': `${' '.repeat(101)}get ${'k '.repeat(1100)}`,
  }
  for (const [title, bytes] of Object.entries(closing)) {
    test(`2048 bytes without a line end ${title} close the connection without a reply`, async () => {
      const client = await server.connect(scope)
      client.send(bytes)
      await client.expectClose()
    })
  }

  for (const command of ['get ', 'gets ', `${' '.repeat(99)}get `]) {
    test(`a long line is waited for when it begins with "${command.trim()} " after ${command.indexOf('g')} spaces`, async () => {
      const client = await server.connect(scope)
      client.send(`${command}${'k '.repeat(1500)}`)
      await client.expectSilence()
      client.send('k\r\n')
      // With leading spaces it is waited for, but then it is no command.
      await client.expect(command.startsWith(' ') ? 'ERROR\r\n' : 'END\r\n')
    })
  }

  test('a line of 2047 bytes and no end yet is waited for', async () => {
    const client = await server.connect(scope)
    client.send('x'.repeat(2047))
    await client.expectSilence()
    client.send('\r\n')
    await client.expect('ERROR\r\n')
  })

  test('a long line that arrives in one piece is parsed', async () => {
    const client = await server.connect(scope)
    client.send(`${'x'.repeat(3000)}\r\n`)
    await client.expect('ERROR\r\n')
    client.send(`set ${nextPrefix()}long 0 0 1${' x'.repeat(1200)}\r\n1\r\n`)
    await client.expect('STORED\r\n')
  })

  test('a long key in a long get is an error, not a close', async () => {
    const client = await server.connect(scope)
    client.send(`get ${'k'.repeat(3000)}\r\nmn\r\n`)
    const reply = (await client.readUntil('MN\r\n')).toString()
    assert.match(reply, /^CLIENT_ERROR bad command line format\r\n(\r\n)?MN\r\n$/)
  })
})

describe('large values', () => {
  const scope = new SuiteScope()
  after(() => scope.close())
  let server: Server
  before(async () => {
    server = await Server.start(scope, { flags: ['-t', '2', '-I', '4m', '-m', '128'] })
  })

  for (const bytes of [8_191, 8_192, 8_193, 16_384, 65_536, 1_048_514, 3_000_000]) {
    test(`a value of ${bytes} bytes comes back as it was`, async () => {
      const client = await server.connect(scope)
      const key = nextPrefix()
      const value = Buffer.alloc(bytes)
      for (let at = 0; at < bytes; at++) value[at] = (at * 31 + (at >>> 8) * 7) & 0xff
      client.send(`set ${key} 9 0 ${bytes}\r\n`)
      client.send(value)
      client.send('\r\n')
      await client.expect('STORED\r\n')
      const whole = Buffer.concat([
        Buffer.from(`VALUE ${key} 9 ${bytes}\r\n`),
        value,
        Buffer.from('\r\nEND\r\n'),
      ])
      client.send(`get ${key}\r\nget ${key}\r\nmg ${key} v\r\n`)
      await client.expect(whole)
      await client.expect(whole)
      await client.expect(
        Buffer.concat([Buffer.from(`VA ${bytes}\r\n`), value, Buffer.from('\r\n')]),
      )
      client.send(`append ${key} 0 0 1\r\n!\r\nmg ${key} s\r\ndelete ${key}\r\nget ${key}\r\n`)
      await client.expect(`STORED\r\nHD s${bytes + 1}\r\nDELETED\r\nEND\r\n`)
    })
  }

  test('-I sets the largest item', async () => {
    const client = await server.connect(scope)
    const bytes = 4 * 1024 * 1024
    client.send(`set large 0 0 ${bytes}\r\n`)
    client.send(Buffer.alloc(bytes))
    client.send('\r\nget large\r\n')
    await client.expect('SERVER_ERROR object too large for cache\r\nEND\r\n')
    assert.equal((await client.stats('settings')).get('item_size_max'), String(bytes))
    assert.equal((await client.stats()).get('store_too_large'), '1')
  })

  test('half a large value can be sent and the connection dropped', async () => {
    const client = await server.connect(scope)
    client.send(`set half 0 0 2000000\r\n`)
    client.send(Buffer.alloc(1_000_000))
    const other = await server.connect(scope)
    other.send('get half\r\n')
    await other.expect('END\r\n')
    client.close()
    other.send('set half 0 0 1\r\n1\r\nget half\r\n')
    await other.expect('STORED\r\nVALUE half 0 1\r\n1\r\nEND\r\n')
  })
})
