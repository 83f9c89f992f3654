import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Client } from '../support/client.ts'
import { Server, SuiteScope } from '../support/server.ts'
import { isMemcached } from '../support/target.ts'
import { nextPrefix } from '../support/transcript.ts'

const MEGABYTE = 1024 * 1024
const END = '\r\n'

/** Bytes that tell where they are, and differ from one salt to the next. */
function bytesOf(length: number, salt: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + (at >>> 8) * 7 + salt * 101) & 0xff
  return bytes
}

async function expectValue(client: Client, key: string, value: Buffer): Promise<void> {
  client.send(`get ${key}\r\n`)
  const header = `VALUE ${key} 9 ${value.length}\r\n`
  assert.equal((await client.readBytes(header.length)).toString('latin1'), header)
  const got = await client.readBytes(value.length)
  assert.ok(got.equals(value), `${key}: the ${value.length} bytes are not those expected`)
  await client.expect('\r\nEND\r\n')
}

function sendBlock(client: Client, line: string, value: Buffer, end = END): void {
  client.send(`${line}\r\n`)
  client.send(value)
  client.send(end)
}

async function ask(client: Client, line: string, value: Buffer, reply: string): Promise<void> {
  sendBlock(client, line, value)
  await client.expect(reply)
}

async function setValue(client: Client, key: string, value: Buffer): Promise<void> {
  await ask(client, `set ${key} 9 0 ${value.length}`, value, 'STORED\r\n')
}

describe('large values appended and prepended', () => {
  const scope = new SuiteScope()
  after(() => scope.close())
  let server: Server
  before(async () => {
    server = await Server.start(scope, { flags: ['-I', '8m', '-t', '4', '-m', '512'] })
  })

  for (const oldLength of [0, 1, 8_191, 8_192, 8_193, 20_000]) {
    test(`sizes about a page, to an old value of ${oldLength} bytes`, async () => {
      const client = await server.connect(scope)
      const old = bytesOf(oldLength, 1)
      for (const length of [8_191, 8_192, 8_193, 16_383, 16_384, 16_385, 100_000]) {
        const added = bytesOf(length, 2)
        const key = nextPrefix()
        await setValue(client, key, old)
        await ask(client, `append ${key} 1 0 ${length}`, added, 'STORED\r\n')
        await expectValue(client, key, Buffer.concat([old, added]))
        await setValue(client, key, old)
        await ask(client, `prepend ${key} 1 0 ${length}`, added, 'STORED\r\n')
        await expectValue(client, key, Buffer.concat([added, old]))
        await setValue(client, key, old)
        await ask(client, `ms ${key} ${length} MA s`, added, `HD s${oldLength + length}\r\n`)
        await ask(client, `ms ${key} ${length} MP q`, added, '')
        await expectValue(client, key, Buffer.concat([added, old, added]))
      }
    })
  }

  test('1 MB again and again on both sides', async () => {
    const client = await server.connect(scope)
    const key = nextPrefix()
    let value = bytesOf(10, 0)
    await setValue(client, key, value)
    for (let round = 0; round < 6; round++) {
      const added = bytesOf(MEGABYTE + round, round)
      const command = round % 2 === 0 ? 'append' : 'prepend'
      await ask(client, `${command} ${key} 0 0 ${added.length}`, added, 'STORED\r\n')
      value = Buffer.concat(command === 'append' ? [value, added] : [added, value])
      await expectValue(client, key, value)
    }
  })

  test('3 MB on both sides, and then it is too large', async () => {
    const client = await server.connect(scope)
    const key = nextPrefix()
    const [old, behind, before] = [5, 6, 7].map((salt) => bytesOf(3_000_000, salt)) as [
      Buffer,
      Buffer,
      Buffer,
    ]
    await setValue(client, key, old.subarray(0, 2_000_000))
    await ask(client, `append ${key} 0 0 3000000`, behind, 'STORED\r\n')
    await ask(client, `prepend ${key} 0 0 3000000`, before, 'STORED\r\n')
    const whole = Buffer.concat([before, old.subarray(0, 2_000_000), behind])
    await expectValue(client, key, whole)
    await ask(client, `append ${key} 0 0 3000000`, behind, 'NOT_STORED\r\n')
    await ask(client, `ms ${key} 3000000 MP`, behind, 'NS\r\n')
    await expectValue(client, key, whole)
  })

  test('nothing there: not stored, or with N of ms made', async () => {
    const client = await server.connect(scope)
    const key = nextPrefix()
    for (const length of [8_192, 100_001, MEGABYTE]) {
      const value = bytesOf(length, 3)
      await ask(client, `append ${key} 9 0 ${length}`, value, 'NOT_STORED\r\n')
      await ask(client, `prepend ${key} 9 0 ${length}`, value, 'NOT_STORED\r\n')
      await ask(client, `ms ${key} ${length} MA`, value, 'NS\r\n')
      sendBlock(client, `append ${key} 9 0 ${length} noreply`, value)
      await ask(client, `ms ${key} ${length} MA N0 F9 s k`, value, `HD s${length} k${key}\r\n`)
      await expectValue(client, key, value)
      sendBlock(client, `append ${key} 0 0 ${length} noreply`, value)
      await expectValue(client, key, Buffer.concat([value, value]))
      client.send(`delete ${key}\r\n`)
      await client.expect('DELETED\r\n')
    }
  })

  test('12 clients append 1 MB at a time, each to a key of its own', async () => {
    const added = bytesOf(MEGABYTE, 4)
    const clients = await Promise.all(Array.from({ length: 12 }, () => server.connect(scope)))
    await Promise.all(
      clients.map(async (client, index) => {
        const key = nextPrefix()
        const old = bytesOf(index * 3_000, index)
        await setValue(client, key, old)
        const half = MEGABYTE / 2
        client.send(`append ${key} 0 0 ${MEGABYTE}\r\n`)
        client.send(added.subarray(0, half))
        // All of them are in the middle of a value at this moment.
        await new Promise((resolve) => setTimeout(resolve, 50))
        client.send(added.subarray(half))
        client.send(END)
        await client.expect('STORED\r\n')
        await expectValue(client, key, Buffer.concat([old, added]))
      }),
    )
  })

  test('clients append to one key at once, and no block is lost or torn', async () => {
    const key = nextPrefix()
    const blockBytes = 20_000
    const rounds = 10
    const first = await server.connect(scope)
    await setValue(first, key, Buffer.alloc(0))
    const clients = await Promise.all(Array.from({ length: 8 }, () => server.connect(scope)))
    await Promise.all(
      clients.map(async (client, index) => {
        const block = Buffer.alloc(blockBytes, 97 + index)
        const command = index % 2 === 0 ? 'append' : 'prepend'
        for (let round = 0; round < rounds; round++) {
          await ask(client, `${command} ${key} 0 0 ${blockBytes}`, block, 'STORED\r\n')
        }
      }),
    )
    const total = clients.length * rounds * blockBytes
    first.send(`get ${key}\r\n`)
    await first.expect(`VALUE ${key} 9 ${total}\r\n`)
    const value = await first.readBytes(total)
    await first.expect('\r\nEND\r\n')
    const counts = new Map<number, number>()
    for (let at = 0; at < total; at += blockBytes) {
      const letter = value[at]!
      assert.ok(value.subarray(at, at + blockBytes).equals(Buffer.alloc(blockBytes, letter)))
      counts.set(letter, (counts.get(letter) ?? 0) + 1)
    }
    assert.deepEqual(
      [...counts.values()],
      clients.map(() => rounds),
    )
  })

  test('a bad end of the data leaves the item as it was', async () => {
    const client = await server.connect(scope)
    for (const oldLength of [5, 50_000]) {
      const key = nextPrefix()
      const old = bytesOf(oldLength, 8)
      const added = bytesOf(MEGABYTE, 9)
      await setValue(client, key, old)
      for (const line of [`append ${key} 0 0 ${MEGABYTE}`, `ms ${key} ${MEGABYTE} MP`]) {
        sendBlock(client, line, added, '!!')
        await client.expect('CLIENT_ERROR bad data chunk\r\n')
        await expectValue(client, key, old)
      }
    }
  })

  test('half a value and a lost connection leave the item as it was', async () => {
    const client = await server.connect(scope)
    const other = await server.connect(scope)
    const key = nextPrefix()
    const old = bytesOf(30_000, 10)
    await setValue(client, key, old)
    other.send(`append ${key} 0 0 ${3 * MEGABYTE}\r\n`)
    other.send(bytesOf(MEGABYTE, 11))
    await expectValue(client, key, old)
    other.close()
    await ask(client, `append ${key} 0 0 ${old.length}`, old, 'STORED\r\n')
    await expectValue(client, key, Buffer.concat([old, old]))
  })
})

// memcached fills its slabs differently, so it runs out of memory at another point.
test('without memory for the result the old value stays, and pages come back', {
  skip: isMemcached,
}, async (context) => {
  const server = await Server.start(context, {
    flags: ['-I', '6m', '-t', '1', '-m', '12', '-M'],
  })
  const client = await server.connect(context)
  const added = bytesOf(500_000, 12)
  // So that memory is short well before the value is as large as -I allows.
  await setValue(client, 'ballast', bytesOf(4_000_000, 13))
  let value = Buffer.from(added)
  await setValue(client, 'key', value)
  for (let round = 0; ; round++) {
    assert.ok(round < 20, 'memory never ran out')
    sendBlock(client, `append key 0 0 ${added.length}`, added)
    const reply = await client.readLine()
    if (reply !== 'STORED') {
      assert.equal(reply, 'SERVER_ERROR out of memory storing object')
      break
    }
    value = Buffer.concat([value, added])
  }
  for (let round = 0; round < 20; round++) {
    await ask(
      client,
      `append key 0 0 ${added.length}`,
      added,
      'SERVER_ERROR out of memory storing object\r\n',
    )
  }
  await expectValue(client, 'key', value)
  // Nothing of the refused ones is left, so there is room for what there was room for before.
  await ask(client, `set other 9 0 ${added.length}`, added, 'STORED\r\n')
  await setValue(client, 'key', added)
  for (
    let length = 2 * added.length;
    length <= value.length - added.length;
    length += added.length
  ) {
    await ask(client, `append key 0 0 ${added.length}`, added, 'STORED\r\n')
  }
})
