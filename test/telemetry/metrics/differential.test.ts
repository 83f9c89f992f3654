import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { Server } from '../../support/server.ts'
import type { Target } from '../../support/target.ts'
import { environment, memcachedVersion } from '../../support/target.ts'
import { exporterSeries } from './exporter-rules.ts'

const { PATH = '', MEMCKV_TEST_PEER } = environment

/** `.ci/run` installs it; a machine without has one test less. */
const peer = [
  MEMCKV_TEST_PEER,
  ...PATH.split(delimiter).map((folder) => join(folder, 'memcached')),
].find((path) => path !== undefined && existsSync(path))

/** What no two servers share: clocks, and what is inside of one that has slabs, lists and a crawler. */
const THEIR_OWN = [
  /^memcached_(?:uptime|time)_seconds$/,
  /^memcached_version\{/,
  /^memcached_process_/,
  /^memcached_malloced_bytes$/,
  // Of theirs one is the question whether the server is up; and reads are cut as they come.
  /^memcached_connections_(?:total|yielded_total)$/,
  /^memcached_lru_crawler_(?:starts|items_checked|moves_\w+)_total$/,
  /^memcached_slab_(?:hot|warm|cold)_/,
  /^memcached_slab_lru_hits_total/,
  /^memcached_slab_items_(?:age_seconds|moves_\w+)/,
  /^memcached_slab_(?:current_pages|current_chunks|chunks_free)\{/,
]

/** Every outcome of every command that is counted, in several classes; the same bytes for both servers. */
function script(): string {
  const lines: string[] = []
  const set = (key: string, bytes: number, words = '0 0'): void => {
    lines.push(`set ${key} ${words} ${bytes}`, 'v'.repeat(bytes))
  }
  for (const bytes of [1, 10, 50, 100, 500, 1000, 4000, 9000]) set(`plain-${bytes}`, bytes)
  for (let index = 0; index < 20; index++) set(`many-${index}`, 30 + index)
  lines.push('set number 0 0 2', '41', 'add number 0 0 1', '7', 'add added 0 0 1', '7')
  lines.push('replace added 5 0 2', 'ab', 'replace nothing 0 0 1', 'x')
  lines.push('append added 0 0 2', 'cd', 'prepend added 0 0 2', 'yz', 'append nothing 0 0 1', 'x')
  lines.push('get plain-1', 'get plain-1 plain-10 nothing many-3', 'gets many-4 nothing')
  lines.push('incr number 1', 'incr nothing 1', 'decr number 2', 'decr nothing 2', 'incr added 1')
  lines.push('touch many-1 1000', 'touch nothing 1000', 'gat 1000 many-2 nothing', 'gats 0 many-5')
  lines.push('delete many-6', 'delete nothing', 'delete many-7 noreply')
  lines.push('cas nothing 0 0 1 5', 'x', 'cas many-8 0 0 1 999999', 'x')
  lines.push(
    'mg many-9 v',
    'mg nothing v',
    'mg many-10 s t',
    'ms meta 3',
    'abc',
    'md meta',
    'md meta',
  )
  lines.push('ma number', 'ma nothing', 'mg many-11 T60 v', 'set quiet 0 0 1 noreply', 'q')
  set('too-large', 1_100_000)
  lines.push('flush_all 100000', 'flush_all 100000 noreply', 'bad command')
  return `${lines.join('\r\n')}\r\n`
}

async function played(context: TestContext, target: Target): Promise<Map<string, number>> {
  const server = await Server.start(context, { flags: ['-t', '2', '-m', '64'], target })
  const client = await server.connect(context)
  client.send(`${script()}mn\r\n`)
  await client.readUntil('MN\r\n')
  // A cas that succeeds needs the unique that this server gave.
  client.send('gets many-12\r\n')
  const unique = /VALUE many-12 \d+ \d+ (\d+)/.exec(String(await client.readUntil('END\r\n')))?.[1]
  assert.ok(unique !== undefined)
  // As long for every server, since bytes are compared, too.
  client.send(`cas many-12 0 0 3 ${unique.padStart(12, '0')}\r\nnew\r\n`)
  assert.equal(String(await client.readUntil('\r\n')), 'STORED\r\n')
  const general = await client.stats()
  return exporterSeries({
    general,
    items: await client.stats('items'),
    slabs: await client.stats('slabs'),
    settings: await client.stats('settings'),
  })
}

test("the exporter makes the same of our stats as of memcached's", {
  skip: peer === undefined ? 'no memcached on the path' : false,
}, async (context) => {
  if (peer === undefined) return
  const ours = await played(context, { kind: 'memckv' })
  const theirs = await played(context, {
    kind: 'memcached',
    binary: peer,
    version: memcachedVersion(peer),
  })
  const isShared = (name: string): boolean => !THEIR_OWN.some((pattern) => pattern.test(name))
  const shared = (series: Map<string, number>): string[] =>
    [...series]
      .filter(([name]) => isShared(name))
      .map(([name, value]) => `${name} ${value}`)
      .sort()
  assert.ok(shared(theirs).length > 150, `${shared(theirs).length} series`)
  assert.deepEqual(shared(ours), shared(theirs))
})
