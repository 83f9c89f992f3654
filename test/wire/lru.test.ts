import { after, describe, test } from 'node:test'
import { Server, SuiteScope } from '../support/server.ts'
import { isMemcached } from '../support/target.ts'
import { intended, runTranscript } from '../support/transcript.ts'

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
