import assert from 'node:assert/strict'
import { it } from 'node:test'
import { RUNTIME } from '../../src/base/runtime.ts'
import { LINE } from '../../src/protocol/lines.ts'
import { DataServer } from './data-server.ts'

it('touch changes the time', () => {
  const server = new DataServer()
  server.expect('touch k 10\r\n', 'NOT_FOUND\r\n')
  server.send('set k 0 0 1\r\na\r\n')
  server.expect('touch k 10\r\nmg k t\r\n', 'TOUCHED\r\nHD t10\r\n')
  server.expect('touch k 0\r\nmg k t\r\n', 'TOUCHED\r\nHD t-1\r\n')
  server.expect('touch k -1 noreply\r\nget k\r\n', 'END\r\n')
  assert.deepEqual(
    [server.count('touchCommands'), server.count('touchHits'), server.count('touchMisses')],
    [4, 3, 1],
  )
})

it('gat reads and touches, and counts as a touch', () => {
  const server = new DataServer()
  server.send('set k 3 0 1\r\na\r\n')
  server.expect('gat 30 k none\r\nmg k t\r\n', 'VALUE k 3 1\r\na\r\nEND\r\nHD t30\r\n')
  server.expect('gats 0 k\r\nmg k t\r\n', 'VALUE k 3 1 1\r\na\r\nEND\r\nHD t-1\r\n')
  server.expect('gat -1 k\r\nget k\r\n', 'VALUE k 3 1\r\na\r\nEND\r\nEND\r\n')
  assert.equal(server.count('touchCommands'), 4)
  assert.equal(server.count('touchMisses'), 1)
  assert.equal(server.countOfClass(1, 'touchHits'), 3)
})

it('times: relative, absolute, past', () => {
  const server = new DataServer()
  const unixNow = 1_700_000_000 + server.store.now
  server.expect('add k 0 2678400 0\r\n\r\nget k\r\n', 'STORED\r\nEND\r\n')
  server.expect(`set k 0 ${unixNow + 77} 1\r\na\r\nmg k t\r\n`, 'STORED\r\nHD t77\r\n')
  server.expect('set k 0 2592000 1\r\na\r\nmg k t\r\n', 'STORED\r\nHD t2592000\r\n')
  server.expect('set k 0 2 1\r\na\r\n', 'STORED\r\n')
  server.store.now += 1
  server.expect('get k\r\n', 'VALUE k 0 1\r\na\r\nEND\r\n')
  server.store.now += 1
  server.expect('get k\r\n', 'END\r\n')
})

it('delete', () => {
  const server = new DataServer()
  server.send('set k 0 0 1\r\na\r\n')
  server.expect('delete k\r\ndelete k\r\n', 'DELETED\r\nNOT_FOUND\r\n')
  server.send('set k 0 0 1\r\na\r\n')
  server.expect('delete k 0 noreply\r\nget k\r\n', 'END\r\n')
  assert.deepEqual([server.count('deleteHits'), server.count('deleteMisses')], [2, 1])
  assert.equal(server.countOfClass(1, 'deleteHits'), 2)
})

it('incr and decr: 64 bits, wrapping, stopping at 0, padding', () => {
  const server = new DataServer()
  server.expect('incr k 1\r\ndecr k 1\r\n', 'NOT_FOUND\r\nNOT_FOUND\r\n')
  server.send('set k 7 100 20\r\n18446744073709551615\r\n')
  server.expect('incr k 1\r\nget k\r\n', `0\r\nVALUE k 7 20\r\n0${' '.repeat(19)}\r\nEND\r\n`)
  server.expect('incr k 9223372036854775808\r\n', '9223372036854775808\r\n')
  server.expect('incr k 9223372036854775807\r\n', '18446744073709551615\r\n')
  server.expect('decr k 18446744073709551614\r\ndecr k 5\r\n', '1\r\n0\r\n')
  server.send('set k 7 100 1\r\n9\r\n')
  server.expect('incr k 1\r\nmg k v f t c\r\n', '10\r\nVA 2 f7 t100 c8\r\n10\r\n')
  server.expect('decr k 1 noreply\r\nget k\r\n', 'VALUE k 7 2\r\n9 \r\nEND\r\n')
  assert.equal(server.count('incrementHits'), 4)
  assert.equal(server.count('decrementHits'), 3)
  assert.equal(server.countOfClass(1, 'decrementHits') + server.countOfClass(2, 'decrementHits'), 3)
})

it('what counts as a number', () => {
  const server = new DataServer()
  const bad = 'CLIENT_ERROR cannot increment or decrement non-numeric value\r\n'
  const results: Readonly<Record<string, string>> = {
    ' 12': '13\r\n',
    '0012': '13\r\n',
    '1 2': '2\r\n',
    '+5': '6\r\n',
    '12\t': '13\r\n',
    '': bad,
    '-1': bad,
    '-': bad,
    '1x': bad,
    abc: bad,
    '1.5': bad,
    '18446744073709551616': bad,
    [`${'0'.repeat(100)}1`]: '2\r\n',
  }
  for (const [value, reply] of Object.entries(results)) {
    server.send(`set k 0 0 ${value.length}\r\n${value}\r\n`)
    server.expect('incr k 1\r\n', reply)
  }
  assert.equal(server.reply.errorCounts[LINE.nonNumeric], 7)
})

it('ma compares the CAS of no item that is empty or, in memcached, in chunks', () => {
  const server = new DataServer()
  const bad = 'CLIENT_ERROR cannot increment or decrement non-numeric value\r\n'
  for (const [length, reply] of [
    [0, bad],
    [1, 'EX\r\n'],
    [500_000, 'EX\r\n'],
    // 524288 bytes are the largest chunk; 54 of an item are not value.
    [524_288 - 60, 'EX\r\n'],
    [524_288, bad],
    [900_000, bad],
  ] as const) {
    server.expect(`set k 0 0 ${length}\r\n${'1'.repeat(length)}\r\n`, 'STORED\r\n')
    server.expect('ma k C99999999999\r\n', reply)
    server.expect('set k 0 0 1\r\n1\r\n', 'STORED\r\n')
  }
})

it('flush_all now', () => {
  const server = new DataServer()
  for (const line of ['flush_all', 'flush_all 0', 'flush_all -1', 'flush_all 0 x']) {
    server.send('set k 0 0 1\r\na\r\n')
    server.expect(`${line}\r\nget k\r\nset k 0 0 1\r\nb\r\n`, 'OK\r\nEND\r\nSTORED\r\n')
    server.expect('get k\r\n', 'VALUE k 0 1\r\nb\r\nEND\r\n')
  }
  server.expect('flush_all noreply\r\nget k\r\n', 'END\r\n')
  server.expect('flush_all x\r\n', 'CLIENT_ERROR invalid exptime argument\r\n')
  server.expect('flush_all x noreply\r\n', '')
  assert.equal(server.count('flushCommands'), 7)
})

it('flush_all later leaves a word for the control thread', () => {
  const server = new DataServer()
  const at = (): number => server.runtime[RUNTIME.flushAtSeconds]!
  server.send('set k 0 0 1\r\na\r\n')
  server.expect('flush_all 10\r\n', 'OK\r\n')
  assert.equal(at(), server.store.now + 9)
  server.expect(`flush_all ${1_700_000_000 + server.store.now + 77}\r\n`, 'OK\r\n')
  assert.equal(at(), server.store.now + 76)
  server.expect('get k\r\n', 'VALUE k 0 1\r\na\r\nEND\r\n')
  server.expect('flush_all 2678400\r\nget k\r\n', 'OK\r\nVALUE k 0 1\r\na\r\nEND\r\n')
  assert.equal(at(), 0, 'a new flush_all replaces the one that waits')
  server.expect('flush_all 1\r\nget k\r\n', 'OK\r\nEND\r\n')
})

it('flush_all can be forbidden', () => {
  const server = new DataServer({ flushEnabled: false })
  server.expect('flush_all\r\nflush_all noreply\r\n', 'CLIENT_ERROR flush_all not allowed\r\n')
  assert.equal(server.count('flushCommands'), 2)
})

it('version, mn, verbosity, quit', () => {
  const server = new DataServer()
  const bad = 'CLIENT_ERROR bad command line format\r\n'
  server.expect(
    'version\r\nversion noreply\r\nmn x y\r\n',
    'VERSION 1.6.45\r\nVERSION 1.6.45\r\nMN\r\n',
  )
  server.expect('verbosity\r\nverbosity x\r\nverbosity -1\r\n', bad.repeat(3))
  server.expect('verbosity 1\r\n', 'OK\r\n')
  assert.equal(server.runtime[RUNTIME.verbosity], 1)
  server.expect('verbosity 99 noreply\r\nverbosity noreply\r\n', '')
  assert.equal(server.runtime[RUNTIME.verbosity], 2)
  server.expect('mn\r\nquit now\r\nversion\r\n', 'MN\r\n')
  assert.ok(server.closed)
})

it('a browser is closed on, unknown words are errors', () => {
  const server = new DataServer()
  server.expect('foo\r\nfoo bar noreply\r\nGET / HTTP/1.1\r\nversion\r\n', 'ERROR\r\n')
  assert.ok(server.closed)
})

it('debugtime moves, holds and frees the clock, if allowed', () => {
  const server = new DataServer()
  const { now } = server.store
  server.send('set k 0 100 1\r\na\r\n')
  server.expect('debugtime 50\r\nmg k t\r\n', 'OK\r\nHD t50\r\n')
  server.expect('debugtime -20\r\nmg k t\r\n', 'OK\r\nHD t70\r\n')
  assert.equal(server.runtime[RUNTIME.clockOffsetSeconds], 30)
  server.expect('debugtime p\r\n', 'OK\r\n')
  assert.equal(server.runtime[RUNTIME.clockHeld], 1)
  assert.equal(server.runtime[RUNTIME.clockHeldAtSeconds], now + 30)
  server.expect('debugtime 5\r\ndebugtime r\r\n', 'OK\r\nOK\r\n')
  assert.equal(server.runtime[RUNTIME.clockHeldAtSeconds], now + 35)
  assert.equal(server.runtime[RUNTIME.clockHeld], 0)
  server.expect('debugtime\r\ndebugtime x\r\n', 'ERROR\r\nERROR\r\n')
  new DataServer({ debugEnabled: false }).expect('debugtime 5\r\n', 'ERROR\r\n')
})
