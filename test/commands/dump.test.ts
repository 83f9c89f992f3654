import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ListingProducer, metadataListing } from '../../src/commands/dump.ts'
import { ReplyWriter } from '../../src/protocol/reply.ts'
import { AdminBench } from './admin-bench.ts'
import { hitItem, TEST_NOW } from './store-items.ts'

const BIG_CAS = 0xfedcba9876543210n

async function filled(argv: readonly string[] = []): Promise<AdminBench> {
  const bench = await AdminBench.make(argv)
  bench.put('plain', 'abc', { clientFlags: 4294967295, cas: 5n })
  bench.put('timed', 'x', { exptime: TEST_NOW + 60, cas: 6n })
  bench.put('a b\xff', '', { binaryKey: true, cas: BIG_CAS })
  bench.put('large', 'v'.repeat(100), { cas: 8n })
  bench.put('over', 'x', { exptime: TEST_NOW, cas: 9n })
  hitItem(bench.context.store, 'timed')
  return bench
}

/** The lines between the first and the last, in a known order. */
function body(text: string, first: string, last: string): string[] {
  assert.ok(text.startsWith(first), text)
  assert.ok(text.endsWith(last), text)
  return text
    .slice(first.length, text.length - last.length)
    .split(/(?<=\n)/)
    .filter((line) => line !== '')
    .sort()
}

test('metadump tells everything about each item but what is expired', async () => {
  const bench = await filled()
  const zero = bench.context.settings.unixSecondsAtZero
  const now = zero + TEST_NOW
  assert.deepEqual(body(bench.run('lru_crawler metadump all'), 'OK\r\n', 'END\r\n'), [
    `key=a%20b%FF exp=-1 la=${now} cas=${BIG_CAS} fetch=no cls=1 size=63 flags=0 \n`,
    `key=large exp=-1 la=${now} cas=8 fetch=no cls=4 size=164 flags=0 \n`,
    `key=plain exp=-1 la=${now} cas=5 fetch=no cls=1 size=71 flags=4294967295 \n`,
    `key=timed exp=${now + 60} la=${now} cas=6 fetch=yes cls=1 size=65 flags=0 \n`,
  ])
})

test('metadump of hash is all, of classes only those', async () => {
  const bench = await filled()
  const keys = (what: string): string[] =>
    body(bench.run(`lru_crawler metadump ${what}`), 'OK\r\n', 'END\r\n').map(
      (line) => /^key=(\S+) /.exec(line)?.[1] ?? '',
    )
  assert.deepEqual(keys('hash'), ['a%20b%FF', 'large', 'plain', 'timed'])
  assert.deepEqual(keys('4'), ['large'])
  assert.deepEqual(keys('1,4'), ['a%20b%FF', 'large', 'plain', 'timed'])
  assert.deepEqual(keys('2,3'), [])
})

test('mgdump gives commands that get the items', async () => {
  const bench = await filled()
  assert.deepEqual(body(bench.run('lru_crawler mgdump all'), 'OK\r\n', 'EN\r\n'), [
    `mg ${Buffer.from('a b\xff', 'latin1').toString('base64')} b\r\n`,
    'mg large\r\n',
    'mg plain\r\n',
    'mg timed\r\n',
  ])
  assert.equal(bench.run('lru_crawler mgdump 4'), 'OK\r\nmg large\r\nEN\r\n')
})

test('cachedump lists the keys of one class, without binary ones', async () => {
  const bench = await filled()
  const until = bench.context.settings.unixSecondsAtZero + TEST_NOW + 60
  assert.deepEqual(body(bench.run('stats cachedump 1 100'), '', 'END\r\n'), [
    'ITEM plain [3 b; 0 s]\r\n',
    `ITEM timed [1 b; ${until} s]\r\n`,
  ])
  assert.equal(bench.run('stats cachedump 4 0'), 'ITEM large [100 b; 0 s]\r\nEND\r\n')
  assert.equal(bench.run('stats cachedump 2 0'), 'END\r\n')
  assert.match(bench.run('stats cachedump 1 1'), /^ITEM \w+ \[\d b; \d+ s\]\r\nEND\r\n$/)
})

test('cachedump ends before two megabytes', async () => {
  const bench = await AdminBench.make()
  for (let number = 0; number < 9000; number++) {
    bench.put(`${number}-`.padEnd(250, 'k'), '')
  }
  const text = bench.run('stats cachedump 7 0')
  const lineLength = 'ITEM '.length + 250 + ' [0 b; 0 s]\r\n'.length
  assert.equal(text.length, Math.floor((2 * 1024 * 1024 - 5) / lineLength) * lineLength + 5)
  assert.ok(text.endsWith(' s]\r\nEND\r\n'))
})

test('stats sizes counts by 32 bytes, if it was asked for at the start', async () => {
  const bench = await filled(['-o', 'track_sizes'])
  assert.equal(bench.run('stats sizes'), 'STAT 64 1\r\nSTAT 96 2\r\nSTAT 192 1\r\nEND\r\n')
  const without = await filled()
  assert.equal(without.run('stats sizes'), 'STAT sizes_status disabled\r\nEND\r\n')
})

test('a dump names every item once and writes no more at a time than it asked room for', async () => {
  const bench = await AdminBench.make()
  const count = 50_000
  for (let number = 0; number < count; number++) bench.put(`key-${number}`, 'value')
  const reply = new ReplyWriter(Buffer.alloc(64 * 1024), {
    flush: () => assert.fail('nothing is sent behind the back of the connection'),
  })
  const producer = new ListingProducer(bench.context.store, metadataListing(null, 0))
  const keys = new Set<string>()
  let rest = ''
  let calls = 0
  for (let more = true; more; calls++) {
    reply.position = 0
    more = producer.produce(reply)
    assert.ok(reply.position <= 16 * 1024, `${reply.position}`)
    const lines = (rest + reply.bytes.toString('latin1', 0, reply.position)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const key = /^key=(\S+) /.exec(line)?.[1]
      if (key === undefined) continue
      assert.ok(!keys.has(key), key)
      keys.add(key)
    }
  }
  assert.equal(keys.size, count)
  assert.ok(calls > 400, `${calls}`)
  assert.equal(rest, '')
})

test('an abandoned dump lets the index grow again', async () => {
  const bench = await filled()
  const { store } = bench.context
  let pauses = 0
  const pause = store.pauseGrowth.bind(store)
  store.pauseGrowth = (change) => {
    pauses += change
    pause(change)
  }
  const producer = new ListingProducer(store, metadataListing(null, 0))
  assert.equal(pauses, 1)
  producer.abandon()
  assert.equal(pauses, 0)
  bench.run('lru_crawler metadump all')
  assert.equal(pauses, 0)
})
