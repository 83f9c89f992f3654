import { after, describe, test } from 'node:test'
import { Server, SuiteScope } from '../support/server.ts'
import { isMemcached } from '../support/target.ts'
import { intended, runTranscript, runWire } from '../support/transcript.ts'

const BAD_LINE = 'CLIENT_ERROR bad command line format'

runWire('slabs, lru, lru_crawler and cache_memlimit', {
  'slabs automove': [
    ['slabs automove 0', 'OK'],
    ['slabs automove 1', 'OK'],
    ['slabs automove 2', 'OK'],
    ['slabs automove 3', 'ERROR'],
    ['slabs automove x', BAD_LINE],
    ['slabs automove', 'ERROR'],
    ['slabs automove window 10', 'OK'],
    ['slabs automove window 2', 'CLIENT_ERROR automove window too low or too high'],
    ['slabs automove window 1801', 'CLIENT_ERROR automove window too low or too high'],
    ['slabs automove window x', BAD_LINE],
    ['slabs automove window', BAD_LINE],
    ['slabs automove ratio 0.5', 'OK'],
    ['slabs automove ratio x', 'ERROR'],
    ['slabs automove ratio', 'ERROR'],
    ['slabs automove freeratio 0.5', 'OK'],
    ['slabs automove foo 5', BAD_LINE],
    ['slabs', 'ERROR'],
    ['slabs foo', 'ERROR'],
    ['slabs automove 1 noreply', ''],
  ],
  'slabs reassign': [
    ['slabs reassign 1 1', 'SAME src and dst class are identical'],
    ['slabs reassign 1 99', 'BADCLASS invalid src or dst class id'],
    ['slabs reassign 1 -1', 'BADCLASS invalid src or dst class id'],
    ['slabs reassign x 1', BAD_LINE],
    ['slabs reassign 1', 'ERROR'],
    ['slabs reassign 30 31', /OK|BUSY .*|NOSPARE source class has no spare pages/],
  ],
  'lru tune': [
    ['lru tune 20 40 0.2 2.0', 'OK'],
    ['lru tune 50 40 0.2 2.0', 'ERROR hot and warm pcts must not exceed 80'],
    ['lru tune 20 40 0 2.0', 'ERROR hot/warm age factors must be greater than 0'],
    ['lru tune x 40 0.2 2.0', 'ERROR'],
    ['lru tune 20 40', 'ERROR'],
    ['lru tune 20 40 x 2', 'ERROR'],
  ],
  'lru mode and temp_ttl': [
    ['lru mode flat', 'OK'],
    ['lru mode segmented', 'OK'],
    ['lru mode foo', 'ERROR'],
    ['lru mode', 'ERROR'],
    ['lru temp_ttl 60', 'OK'],
    ['lru temp_ttl -1', 'OK'],
    ['lru temp_ttl x', 'ERROR'],
    ['lru temp_ttl', 'ERROR'],
    ['lru', 'ERROR'],
    ['lru foo', 'ERROR'],
  ],
  lru_crawler: [
    ['lru_crawler', 'ERROR'],
    ['lru_crawler foo', 'ERROR'],
    ['lru_crawler tocrawl 0', 'OK'],
    ['lru_crawler tocrawl x', BAD_LINE],
    ['lru_crawler tocrawl', 'ERROR'],
    ['lru_crawler sleep 100', 'OK'],
    ['lru_crawler sleep 1000001', 'CLIENT_ERROR sleep must be one second or less'],
    ['lru_crawler sleep x', BAD_LINE],
    ['lru_crawler crawl 64', 'BADCLASS invalid class id'],
    ['lru_crawler crawl x', 'BADCLASS invalid class id'],
    ['lru_crawler crawl', 'ERROR'],
    ['lru_crawler crawl all', /OK|BUSY currently processing crawler request|NOTSTARTED .*/],
    ['lru_crawler metadump', 'ERROR'],
    ['lru_crawler mgdump', 'ERROR'],
  ],
  cache_memlimit: [
    ['cache_memlimit', 'ERROR'],
    ['cache_memlimit x', 'ERROR'],
    ['cache_memlimit -1', 'ERROR'],
    ['cache_memlimit 7', 'MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m'],
    ['cache_memlimit 1000000001', 'MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes'],
    ['cache_memlimit 64', 'OK'],
  ],
})

describe('commands that change the server', () => {
  const scope = new SuiteScope()
  after(() => scope.close())

  test('the crawler is switched off and on', async () => {
    const server = await Server.start(scope, { flags: ['-t', '1'] })
    const client = await server.connect(scope)
    // memcached's thread starts a moment after the server does.
    if (isMemcached) await new Promise((resolve) => setTimeout(resolve, 200))
    await runTranscript(client, [
      ['lru_crawler enable', intended('ERROR failed to start lru crawler thread', null)],
      ['lru_crawler disable', 'OK'],
      ['lru_crawler disable', 'OK'],
      ['lru_crawler crawl all', intended('CLIENT_ERROR lru crawler disabled', null)],
      ['lru_crawler enable', 'OK'],
      ['lru_crawler enable', 'ERROR failed to start lru crawler thread'],
    ])
  })

  test('cache_memlimit changes the limit both ways and keeps what fits', async () => {
    const server = await Server.start(scope, { flags: ['-t', '1', '-m', '64'] })
    const client = await server.connect(scope)
    await runTranscript(client, [
      ['set kept 0 0 4\nkept', 'STORED'],
      ['cache_memlimit 128', 'OK'],
      ['get kept', 'VALUE kept 0 4\nkept\nEND'],
      ['cache_memlimit 32', 'OK'],
      ['get kept', 'VALUE kept 0 4\nkept\nEND'],
    ])
    const stats = await client.stats()
    const settings = await client.stats('settings')
    for (const maps of [stats.get('limit_maxbytes'), settings.get('maxbytes')]) {
      if (maps !== String(32 * 1024 * 1024)) throw new Error(`limit ${maps}`)
    }
  })

  test('no_slab_reassign refuses reassigning', async () => {
    const server = await Server.start(scope, { flags: ['-t', '1', '-o', 'no_slab_reassign'] })
    const client = await server.connect(scope)
    await runTranscript(client, [['slabs reassign 1 2', 'CLIENT_ERROR slab reassignment disabled']])
    const names = [...(await client.stats()).keys()].filter((name) => /^slab/.test(name))
    if (names.some((name) => name.startsWith('slab_reassign'))) throw new Error(names.join(' '))
  })
})
