import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { hooked, WIRES } from '../fuzz/server-process.ts'
import { until } from '../support/deadline.ts'
import { Server, SuiteScope } from '../support/server.ts'

/**
 * Faults of the program that this server takes the place of, one test each. What they have in common
 * is that a client could make the server misread, crash or stand still.
 */
for (const wire of WIRES) {
  describe(`what the predecessor got wrong, ${wire} wire`, () => {
    const scope = new SuiteScope()
    after(() => scope.close())
    let server: Server
    before(async () => {
      server = await Server.start(scope, {
        flags: ['-t', '1', '-vv', '-m', '64'],
        environment: withSteppedClock(hooked(wire)),
      })
    })

    test('1. values were framed by looking for a line end: what is inside one is never a command', async () => {
      const client = await server.connect(scope)
      for (const times of [1, 700]) {
        const value = 'a\r\nset injected 0 0 1\r\n1\r\nEND\r\nflush_all\r\n\r\n'.repeat(times)
        client.send(`set holder 0 0 ${value.length}\r\n${value}\r\nget injected\r\nget holder\r\n`)
        await client.expect('STORED\r\nEND\r\n')
        await client.expect(`VALUE holder 0 ${value.length}\r\n${value}\r\nEND\r\n`)
      }
    })

    test('2. data behind a header that does not parse was read as commands: it is thrown away', async () => {
      const client = await server.connect(scope)
      const data = 'set injected 0 0 1'
      for (const header of [
        'set k x 0',
        'set k 0 -x',
        'set k 0 9999999999999999999999',
        'set k -1 0',
      ]) {
        client.send(`${header} ${data.length}\r\n${data}\r\nmn\r\n`)
        await client.expect('CLIENT_ERROR bad command line format\r\nMN\r\n')
      }
      client.send(`set k 0 -1 ${data.length}\r\n${data}\r\nget k injected\r\n`)
      await client.expect('STORED\r\nEND\r\n')
    })

    test('3. a get held its lock across the write: whoever does not read stops nobody else', async () => {
      const slow = await server.connect(scope)
      const other = await server.connect(scope)
      other.send(`set locked 0 0 900000\r\n${'v'.repeat(900_000)}\r\n`)
      await other.expect('STORED\r\n')
      slow.socket.pause()
      slow.send('get locked\r\n'.repeat(40))
      // Every shard is written to while that client's output is stuck.
      for (let key = 0; key < 300; key++) other.send(`set locked${key} 0 0 1 noreply\r\n1\r\n`)
      other.send('delete locked\r\nset locked 0 0 1\r\n1\r\nflush_all\r\nget locked\r\n')
      await other.expect('DELETED\r\nSTORED\r\nOK\r\nEND\r\n')
      // What it has not taken is not to be counted by the tests that follow.
      slow.socket.destroy()
    })

    test('4. a pipeline without a clean boundary grew a buffer until the client was dropped', async () => {
      const client = await server.connect(scope)
      const command = Buffer.from('get nothing-here\r\n')
      const total = 300_000
      const stream = Buffer.alloc(total * command.length, command)
      let sent = 7
      client.send(stream.subarray(0, sent))
      let received = 0
      client.socket.on('data', (chunk: Buffer) => {
        received += chunk.length
      })
      // Every write ends within a command.
      while (sent < stream.length) {
        const piece = stream.subarray(sent, sent + 18 * 3000)
        if (!client.socket.write(piece)) {
          await new Promise((resolve) => client.socket.once('drain', resolve))
        }
        sent += piece.length
      }
      await client.readWhile(() => received < total * 'END\r\n'.length)
      assert.equal(received, total * 'END\r\n'.length)
      assert.equal((await (await server.connect(scope)).stats()).get('read_buf_count'), '0')
    })

    test('5. a hit was three frames of two writes each: pipelined replies come together', async () => {
      const client = await server.connect(scope)
      client.send('set small 0 0 5\r\nvalue\r\n')
      await client.expect('STORED\r\n')
      let chunks = 0
      client.socket.on('data', () => {
        chunks++
      })
      client.send(`${'get small\r\n'.repeat(20)}`)
      await client.expect('VALUE small 0 5\r\nvalue\r\nEND\r\n'.repeat(20))
      assert.ok(chunks <= 4, `${chunks} reads for 20 replies to one write`)
    })

    test('7. lifetimes were measured by the wall clock: a step back of a day changes nothing', async () => {
      const client = await server.connect(scope)
      client.send('set timed 0 1000 1\r\n1\r\n')
      await client.expect('STORED\r\n')
      client.send('mg timed t\r\n')
      assert.match(await client.readLine(), /^HD t(1000|99\d)$/)
      const uptime = Number((await client.stats()).get('uptime'))
      assert.ok(uptime >= 0 && uptime < 600, `an uptime of ${uptime} s`)
    })

    test('8. with a talkative log a value that is no text was a panic', async () => {
      const client = await server.connect(scope)
      const watcher = await server.connect(scope)
      watcher.send('watch fetchers mutations\r\n')
      await watcher.expect('OK\r\n')
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
      const key = Buffer.from('\xff\xfe\x80\xc3\x28', 'latin1')
      client.send(Buffer.concat([Buffer.from('set '), key, Buffer.from(' 0 0 256\r\n'), bytes]))
      client.send(Buffer.concat([Buffer.from('\r\nget '), key, Buffer.from('\r\n')]))
      await client.expect('STORED\r\nVALUE ')
      await client.expect(Buffer.concat([key, Buffer.from(' 0 256\r\n'), bytes]))
      await client.expect('\r\nEND\r\n')
      await watcher.readUntil('type=item_get key=%FF%FE%80%C3%28')
    })

    test('9. noreply, spaces, line ends and lengths: as memcached reads them', async () => {
      const client = await server.connect(scope)
      client.send('set q 0 0 3 noreply\r\nabXYZmn\r\n')
      await client.expect('MN\r\n')
      client.send('set q 0 0 5noreply\r\nmn\r\n')
      await client.expect('CLIENT_ERROR bad command line format\r\nMN\r\n')
      client.send('set  q  0   0 1  \r\n1\r\nget  q \r\nget q\n')
      await client.expect('STORED\r\nVALUE q 0 1\r\n1\r\nEND\r\nVALUE q 0 1\r\n1\r\nEND\r\n')
      for (const length of [
        '4294967295',
        '4294967296',
        '4294967297',
        '18446744073709551617',
        '-1',
      ]) {
        client.send(`set q 0 0 ${length}\r\nmn\r\n`)
        await client.expect('CLIENT_ERROR bad command line format\r\nMN\r\n')
      }
    })

    test('nothing of all this is to be seen in the log', () => {
      const lines = server.output().split('\n')
      assert.deepEqual(
        lines.filter((line) => /"level":"(error|fatal)"|assert/i.test(line)),
        [],
      )
    })
  })
}

test('6. without descriptors it died: it goes on, and answers when there are some again', async (context) => {
  const server = await Server.start(context, { flags: ['-t', '1'] })
  const open = readdirSync(`/proc/${server.pid}/fd`).length
  execFileSync('prlimit', ['--pid', String(server.pid), `--nofile=${open + 5}:${open + 5}`])
  // The kernel connects them all, whoever takes them.
  const clients = await Promise.all(Array.from({ length: 30 }, () => server.connect(context)))
  for (const client of clients) client.close()
  await until(
    async () => {
      const late = await server.connect(context)
      late.send('mn\r\n')
      await late.readWhile((received) => received.length < 4, 500)
      return late.takeAll() === 'MN\r\n'
    },
    () => 'nobody is served any more',
  )
  assert.deepEqual(await server.stop(), { code: 0, signal: null })
})

/** A thread that has this loaded believes a moment after its start that it is yesterday. */
const STEP = 'const now=Date.now,start=now();Date.now=()=>now()-(now()-start>300?86400000:0)'

function withSteppedClock(environment: Readonly<Record<string, string>>): Record<string, string> {
  const module = `data:text/javascript,${encodeURIComponent(STEP)}`
  const { NODE_OPTIONS: options } = environment
  return { ...environment, NODE_OPTIONS: `${options} --import=${module}` }
}
