import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { ReplyWriter } from '../../src/protocol/reply.ts'
import type { WorkerParts } from '../../src/worker/parts.ts'
import { WatchFeed } from '../../src/worker/watch-feed.ts'
import { complaints, hooked, WIRES } from '../fuzz/server-process.ts'
import { until } from '../support/deadline.ts'
import { Server, SuiteScope } from '../support/server.ts'

describe('a feed of events', () => {
  test('writes text of any length through a small buffer, and says what was taken, once', () => {
    const sent: string[] = []
    const said: string[] = []
    const bytes = Buffer.alloc(20_000)
    const reply = new ReplyWriter(bytes, {
      flush() {
        sent.push(bytes.toString('latin1', 0, reply.position))
        reply.position = 0
      },
    })
    const feed = new WatchFeed(
      {
        reply,
        watchWritten: (number: number, count: number) => said.push(`${number} took ${count}`),
        watcherLeft: (number: number) => said.push(`${number} left`),
      } as unknown as WorkerParts,
      7,
    )
    const text = Buffer.from(Array.from({ length: 9000 }, (_, line) => `event ${line}\n`).join(''))
    feed.write(text)
    feed.write(Buffer.from('last\n'))
    reply.flush()
    assert.equal(sent.join(''), `${text.toString('latin1')}last\n`)
    feed.taken()
    feed.taken()
    feed.end()
    assert.deepEqual(said, [`7 took ${text.length + 5}`, '7 took 0', '7 left'])
  })
})

const directory = mkdtempSync(join(tmpdir(), 'memckv-watch-'))
after(() => rmSync(directory, { recursive: true, force: true }))

for (const wire of WIRES) {
  describe(`watchers on the ${wire} wire`, () => {
    const scope = new SuiteScope()
    after(() => scope.close())

    test('one that does not read loses lines and is told so; one that does loses none', async () => {
      // A unix socket holds little in the kernel, so that the watcher's own buffer fills up.
      const server = await Server.start(scope, {
        flags: ['-t', '1', '-o', 'watcher_logbuf_size=64'],
        unixSocket: join(directory, wire),
        environment: hooked(wire),
      })
      const slow = await server.connect(scope)
      const quick = await server.connect(scope)
      const worker = await server.connect(scope)
      slow.send('watch fetchers\r\n')
      await slow.expect('OK\r\n')
      quick.send('watch deletions\r\n')
      await quick.expect('OK\r\n')
      slow.socket.pause()
      const rounds = 60
      const reads = 50
      const name = 'n'.repeat(200)
      for (let round = 0; round < rounds; round++) {
        worker.send(
          `set ${name} 0 0 1\r\nw\r\n${`get ${name}\r\n`.repeat(reads)}delete ${name}\r\n`,
        )
        await worker.readUntil('DELETED\r\n')
        assert.match(await quick.readLine(), / type=deleted key=n+ cmd=delete clsid=\d+ size=1$/)
      }
      slow.socket.resume()
      await until(
        async () => {
          worker.send('get after\r\n')
          await worker.expect('END\r\n')
          return slow.pending.includes('key=after')
        },
        () => 'the slow watcher gets nothing any more',
      )
      const lines = slow.takeAll().split('\n')
      const skipped = lines.filter((line) => line.includes('skipped='))
      assert.ok(skipped.length > 0, 'it was told that lines are missing')
      const seen = lines.filter((line) =>
        /^ts=[\d.]+ gid=\d+ type=item_get key=n/.test(line),
      ).length
      assert.ok(seen < rounds * (reads + 1), `${seen} lines went through 64 kB`)
      slow.close()
      quick.close()
      await until(
        async () => (await worker.stats()).get('log_watchers') === '0',
        () => 'the watchers are not given up',
      )
      assert.deepEqual(complaints(server), [])
    })
  })
}
