import assert from 'node:assert/strict'
import { it } from 'node:test'
import { KEYS_PER_TURN_MAX } from '../../src/commands/get.ts'
import { DataServer } from './data-server.ts'

const BAD_FORMAT = 'CLIENT_ERROR bad command line format\r\n'

it('get and gets answer found keys in the order asked, also twice', () => {
  const server = new DataServer()
  server.expect('set a 1 0 1\r\nA\r\nset b 4294967295 0 2\r\nBB\r\n', 'STORED\r\nSTORED\r\n')
  server.expect(
    'get b none a b\r\n',
    'VALUE b 4294967295 2\r\nBB\r\nVALUE a 1 1\r\nA\r\nVALUE b 4294967295 2\r\nBB\r\nEND\r\n',
  )
  server.expect('gets a b\r\n', 'VALUE a 1 1 1\r\nA\r\nVALUE b 4294967295 2 2\r\nBB\r\nEND\r\n')
  server.expect('get none\r\nget none other\r\n', 'END\r\nEND\r\n')
})

it('noreply is a key', () => {
  const server = new DataServer()
  server.expect(
    'set noreply 0 0 1\r\nx\r\nget noreply\r\n',
    'STORED\r\nVALUE noreply 0 1\r\nx\r\nEND\r\n',
  )
})

it('a key that is too long drops what the command has said, and keeps earlier replies', () => {
  const server = new DataServer()
  const long = 'k'.repeat(251)
  server.expect('set a 0 0 1\r\nA\r\n', 'STORED\r\n')
  server.expect(`version\r\nget a ${long} a\r\nmn\r\n`, `VERSION 1.6.45\r\n${BAD_FORMAT}MN\r\n`)
})

it('values of every length around the buffers come back whole', () => {
  const server = new DataServer({ replyBytes: 32768 })
  const lengths = [0, 1, 39, 40, 8190, 8191, 8192, 8193, 16383, 16384, 16385, 30000]
  lengths.push(32768 - 400, 32768, 65536, 100000, 1048000)
  for (const [index, length] of lengths.entries()) {
    const value = patterned(length, index)
    server.expect(`set key${length} 7 0 ${length}\r\n${value}\r\n`, 'STORED\r\n')
    server.expect(`get key${length}\r\n`, `VALUE key${length} 7 ${length}\r\n${value}\r\nEND\r\n`)
    server.expect(`mg key${length} v s\r\n`, `VA ${length} s${length}\r\n${value}\r\n`)
    server.expect(`gat 0 key${length}\r\n`, `VALUE key${length} 7 ${length}\r\n${value}\r\nEND\r\n`)
  }
  const all = lengths.map((length) => `key${length}`).join(' ')
  const expected = lengths.map(
    (length, index) => `VALUE key${length} 7 ${length}\r\n${patterned(length, index)}\r\n`,
  )
  server.expect(`get ${all}\r\n`, `${expected.join('')}END\r\n`)
  assert.ok(server.productions >= 10, 'the largest came through a producer')
  assert.equal(server.store.check(), 0)
})

it('a command of many keys lets others have their turn', () => {
  const server = new DataServer()
  server.send('set a 0 0 1\r\nA\r\n')
  const count = KEYS_PER_TURN_MAX * 3
  const value = 'VALUE a 0 1\r\nA\r\n'
  for (const ending of ['\r\n', '\n', ' \r\n']) {
    server.suspensions = 0
    const reply = server.send(`get${' a'.repeat(count)}${ending}mn\r\n`)
    assert.equal(reply, `${value.repeat(count)}END\r\nMN\r\n`)
    assert.equal(server.suspensions, 2)
  }
  server.send(`gats -1${' a'.repeat(count)}\r\n`)
  server.expect('get a\r\n', 'END\r\n')
})

it('a client that does not read stops its command between two keys', () => {
  const server = new DataServer({ replyBytes: 16384 })
  const value = 'v'.repeat(6000)
  server.send(`set a 0 0 6000\r\n${value}\r\n`)
  server.slowClient = true
  const reply = server.send('get a a a a a a a\r\n')
  assert.equal(reply, `${`VALUE a 0 6000\r\n${value}\r\n`.repeat(7)}END\r\n`)
  assert.ok(server.suspensions >= 2)
})

it('counts hits and misses, in all and by size class', () => {
  const server = new DataServer()
  server.send('set a 0 0 1\r\nA\r\nset b 0 -1 1\r\nB\r\nget a b c\r\ngets a\r\nget b\r\n')
  assert.equal(server.count('getCommands'), 5)
  assert.equal(server.count('getHits'), 2)
  assert.equal(server.count('getMisses'), 3)
  assert.equal(server.count('getExpired'), 1, 'only the first look finds it expired')
  assert.equal(server.countOfClass(1, 'getHits'), 2)
})

it('the first look at a flushed item counts', () => {
  const server = new DataServer()
  server.send('set a 0 0 1\r\nA\r\nflush_all\r\nget a\r\nget a\r\n')
  assert.equal(server.count('getFlushed'), 1)
  assert.equal(server.count('getMisses'), 2)
})

it('prefixes are counted while that is on', () => {
  const server = new DataServer()
  server.send('set x:a 0 0 1\r\nA\r\n')
  server.context.prefixStatsOn = true
  server.send(
    'set x:a 0 0 1\r\nA\r\nget x:a x:b y:c\r\ngat 0 x:a\r\ndelete x:q\r\nappend x:a 0 0 1\r\nB\r\n',
  )
  const found = server.prefixes.read().map(({ prefix, ...counts }) => [prefix.toString(), counts])
  assert.deepEqual(Object.fromEntries(found), {
    x: { gets: 3, hits: 2, sets: 2, deletes: 1 },
    y: { gets: 1, hits: 0, sets: 0, deletes: 0 },
  })
})

function patterned(length: number, seed: number): string {
  const pattern = Buffer.alloc(length)
  for (let index = 0; index < length; index++)
    pattern[index] = (index * 31 + seed + (index >> 8)) & 255
  return pattern.toString('latin1')
}
