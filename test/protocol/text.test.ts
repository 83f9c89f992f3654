import assert from 'node:assert/strict'
import { it } from 'node:test'
import { hashBytes } from '../../src/base/hash.ts'
import { nextKey } from '../../src/protocol/tokens.ts'
import { BAD_FORMAT, HASH_SEED, keyText, parseText, readyRequest } from './parse.ts'

function expectAll(table: Readonly<Record<string, string>>): void {
  for (const [text, expected] of Object.entries(table)) {
    assert.equal(parseText(text), expected, JSON.stringify(text).slice(0, 200))
  }
}

const LONG_KEY = 'k'.repeat(250)
const TOO_LONG_KEY = 'k'.repeat(251)

it('a line ends at the first \\n, with or without \\r', () => {
  expectAll({
    'get k\r\n': 'ready get',
    'get k\n': 'ready get',
    'version\n': 'ready version',
    'get k\r\nget l\r\n': 'ready get at 7',
  })
  assert.equal(keyText(readyRequest('get k\n')), 'k')
  assert.equal(keyText(readyRequest('get k\r\n')), 'k')
  assert.equal(keyText(readyRequest('get k\r\r\n')), 'k\r')
})

it('fewer than four bytes are no command', () => {
  expectAll({ '\n': BAD_FORMAT, '\r\n': BAD_FORMAT, 'a\r\n': BAD_FORMAT, 'mn\n': BAD_FORMAT })
  expectAll({ 'mn\r\n': 'ready metaNoop' })
})

it('the word must be exact, in lower case and at the start', () => {
  expectAll({
    'GET k\r\n': 'ERROR',
    ' get k\r\n': 'ERROR',
    'gett k\r\n': 'ERROR',
    'get\tk\r\n': 'ERROR',
    'ge\r\n': 'ERROR',
    '    \r\n': 'ERROR',
    'foo noreply\r\n': 'ERROR silent',
  })
})

it('an administrative word may have spaces before it, as in 1.6.45', () => {
  expectAll({ '  flush_all\r\n': 'ready flushAll', 'flush_all 0 noreply\r\n': 'ready flushAll' })
})

it('only spaces separate: other bytes belong to the key', () => {
  assert.equal(keyText(readyRequest('get a\tb\r\n')), 'a\tb')
  assert.equal(keyText(readyRequest('delete a\0b\xff\r\n')), 'a\0b\xff')
  assert.equal(keyText(readyRequest('get    k   \r\n')), 'k')
  assert.equal(keyText(readyRequest('delete   k  \r\n')), 'k')
})

it('a request line of a browser closes', () => {
  expectAll({
    'GET / HTTP/1.1\r\n': 'close',
    'HTTP/1.1 x\r\n': 'ERROR',
    'HTTP/1.1\r\n': 'ERROR',
    'x HTT\r\n': 'ERROR',
    'get / HTTP/1.1\r\n': 'ready get',
  })
})

it('words after the 23rd are not looked at', () => {
  const words = 'w '.repeat(21)
  expectAll({
    [`delete ${words}noreply\r\n`]: 'ready delete',
    [`foo ${words}noreply\r\n`]: 'ERROR silent',
    [`foo w ${words}noreply\r\n`]: 'ERROR',
  })
  assert.ok(readyRequest(`delete ${words}noreply\r\n`).noreply)
  assert.ok(!readyRequest(`delete x ${words}noreply\r\n`).noreply)
})

it('more is asked for until the line is there', () => {
  expectAll({
    '': 'more 0',
    g: 'more 0',
    'get ': 'more 0',
    'get k': 'more 0',
    'get k\r': 'more 0',
  })
  expectAll({ 'delete k': 'more 0', 'set k 0 0 1': 'more 0', 'set k 0 0 1\r': 'more 0' })
})

it('a line that grows too long closes, unless it is a get', () => {
  const keys = 'key '.repeat(700)
  expectAll({
    [`delete ${'x'.repeat(2041)}`]: 'more 0',
    [`delete ${'x'.repeat(2042)}`]: 'close',
    [`get ${keys}`]: 'more 0',
    [`gets ${keys}`]: 'more 0',
    [`gat ${keys}`]: 'close',
    [`getsx ${keys}`]: 'close',
    [`${' '.repeat(100)}get ${keys}`]: 'more 0',
    [`${' '.repeat(101)}get ${keys}`]: 'close',
    [' '.repeat(2049)]: 'close',
    [`get ${'k '.repeat(524290)}`]: 'close',
    [`delete ${'x'.repeat(3000)}\r\n`]: BAD_FORMAT,
  })
})
it('the key is found and hashed', () => {
  for (const text of ['get key\r\n', 'gets key x\r\n', 'gat 1 key\r\n', 'gats -1 key y z\n']) {
    const request = readyRequest(text)
    assert.equal(keyText(request), 'key')
    assert.equal(request.keyHash, hashBytes(HASH_SEED, Buffer.from('key'), 0, 3))
  }
})

it('all keys of a line are found, however many', () => {
  const keys = Array.from({ length: 18725 }, (_, index) => `key${index}`)
  for (const line of [`get ${keys.join(' ')}\r\n`, `gets  ${keys.join('   ')}  \n`]) {
    const request = readyRequest(line)
    const found = [keyText(request)]
    while (nextKey(request, request.keyStart + request.keyLength)) {
      const { buffer, keyStart, keyLength } = request
      assert.equal(request.keyHash, hashBytes(HASH_SEED, buffer, keyStart, keyStart + keyLength))
      found.push(keyText(request))
    }
    assert.deepEqual(found, keys)
  }
})

it('no key, or one too long, is an error', () => {
  expectAll({
    'get\r\n': BAD_FORMAT,
    'get \r\n': BAD_FORMAT,
    'get \n': BAD_FORMAT,
    'gets\r\n': BAD_FORMAT,
    'gets   \r\n': BAD_FORMAT,
    'gat\r\n': BAD_FORMAT,
    'gat \r\n': BAD_FORMAT,
    'gat 1\r\n': BAD_FORMAT,
    'gat 1\n': BAD_FORMAT,
    'gat 1 \r\n': BAD_FORMAT,
    'gats 1 \n': BAD_FORMAT,
    [`get ${LONG_KEY}\r\n`]: 'ready get',
    [`get ${TOO_LONG_KEY}\r\n`]: BAD_FORMAT,
    [`get ${TOO_LONG_KEY} k\r\n`]: BAD_FORMAT,
    [`gat 1 ${TOO_LONG_KEY}\r\n`]: BAD_FORMAT,
  })
})

it('the time of gat is a signed 32-bit number', () => {
  const bad = 'CLIENT_ERROR invalid exptime argument'
  expectAll({
    'gat x k\r\n': bad,
    'gat 1x k\r\n': bad,
    'gat +1 k\r\n': bad,
    'gat 2147483648 k\r\n': bad,
    'gat -2147483649 k\r\n': bad,
    'gat 000000000001 k\r\n': bad,
    [`gat x ${TOO_LONG_KEY}\r\n`]: bad,
  })
  assert.equal(readyRequest('gat 2147483647 k\r\n').exptime, 2147483647)
  assert.equal(readyRequest('gat -2147483648 k\r\n').exptime, -2147483648)
  assert.equal(readyRequest('gats 00000000001 k\r\n').exptime, 1)
  assert.equal(readyRequest('gat - k\r\n').exptime, 0)
})
it('the short and the long form find the same', () => {
  for (const word of ['set', 'add', 'replace', 'append', 'prepend']) {
    for (const line of [`${word} key 7 60 3`, `${word}  key  7  60  3 `, `${word} key +7 060 03`]) {
      for (const ending of ['\r\n', '\n', ' noreply\r\n', ' noreply\n', ' extra noreply\r\n']) {
        const request = readyRequest(`${line}${ending}abc\r\n`)
        assert.equal(keyText(request), 'key')
        assert.equal(request.keyHash, hashBytes(HASH_SEED, Buffer.from('key'), 0, 3))
        assert.deepEqual([request.clientFlags, request.exptime, request.valueLength], [7, 60, 3])
        assert.equal(request.noreply, ending.includes('noreply'), ending)
        const { buffer, valueStart, valueLength } = request
        assert.equal(buffer.toString('latin1', valueStart, valueStart + valueLength), 'abc')
      }
    }
  }
})

it('the data must be there, and end in \\r\\n', () => {
  expectAll({
    'set k 0 0 3\r\n': 'more 5',
    'set k 0 0 3\r\nab': 'more 3',
    'set k 0 0 3\r\nabc': 'more 2',
    'set k 0 0 3\r\nabc\r': 'more 1',
    'set k 0 0 3\r\nabc\r\n': 'ready set',
    'set k 0 0 0\r\n\r\n': 'ready set',
    'set k 0 0 3\r\nabc\r\nget x\r\n': 'ready set at 18',
    'set k 0 0 3\r\nabcd\r\n': 'CLIENT_ERROR bad data chunk at 18',
    'set k 0 0 3\r\nabc\n\n': 'CLIENT_ERROR bad data chunk',
    'set k 0 0 3 noreply\r\nabcde': 'CLIENT_ERROR bad data chunk silent',
    'set  k 0 0 3 noreply\r\nabcde': 'CLIENT_ERROR bad data chunk silent',
  })
})

it('too few words or a bad length: nothing is swallowed, and noreply is not heeded', () => {
  expectAll({
    'set\r\n': BAD_FORMAT,
    'set k\r\n': BAD_FORMAT,
    'set k 0 0\r\n': BAD_FORMAT,
    'set k 0 0 noreply\r\n': BAD_FORMAT,
    'set k 0 0 -1\r\n': BAD_FORMAT,
    'set k 0 0 -1 noreply\r\n': BAD_FORMAT,
    'set k 0 0 x\r\n': BAD_FORMAT,
    'set k 0 0 1x\r\n': BAD_FORMAT,
    'set k 0 0 +1\r\n': BAD_FORMAT,
    'set k 0 0 2147483646\r\n': BAD_FORMAT,
    'set k 0 0 99999999999\r\n': BAD_FORMAT,
    'set k 0 0 000000000001\r\n': BAD_FORMAT,
    'cas k 0 0\r\n': BAD_FORMAT,
  })
})

it('bad flags, times, cas and keys: the data is swallowed first', () => {
  const swallowed = `${BAD_FORMAT} swallow 5`
  expectAll({
    'set k x 0 3\r\n': swallowed,
    'set k -1 0 3\r\n': swallowed,
    'set k 0x10 0 3\r\n': swallowed,
    'set k 1e3 0 3\r\n': swallowed,
    'set k 18446744073709551616 0 3\r\n': swallowed,
    'set k 0 x 3\r\n': swallowed,
    'set k 0 1x 3\r\n': swallowed,
    'set k 0 9223372036854775808 3\r\n': swallowed,
    'set k 0 -9223372036854775809 3\r\n': swallowed,
    'set foo abc 0 3 noreply\r\n': `${swallowed} silent`,
    'cas k 0 0 3\r\n': swallowed,
    'cas k 0 0 3 x\r\n': swallowed,
    'cas k 0 0 3 -1\r\n': swallowed,
    'cas k 0 0 3 18446744073709551616\r\n': swallowed,
    'cas k 0 0 3 noreply\r\n': `${swallowed} silent`,
    [`set ${TOO_LONG_KEY} 0 0 3\r\n`]: swallowed,
    [`set ${TOO_LONG_KEY} 0 0 3 noreply\r\nabc\r\n`]: `${swallowed} silent at 271`,
    [`set ${LONG_KEY} 0 0 3\r\nabc\r\n`]: 'ready set',
  })
})

it('what is too large is known before its data', () => {
  const large = 'SERVER_ERROR object too large for cache'
  expectAll({
    'set key 0 0 1048514\r\n': 'more 1048516',
    'set key 0 0 1048515\r\n': `${large} swallow 1048517`,
    'set key 1 0 1048511\r\n': `${large} swallow 1048513`,
    'set key 1 0 1048510\r\n': 'more 1048512',
    'add key 0 0 1048515 noreply\r\n': `${large} swallow 1048517 silent`,
    'set key 0 0 2147483645\r\n': `${large} swallow 2147483647`,
  })
})

it('client flags are taken modulo 2^32', () => {
  const flags = (text: string) => readyRequest(`set k ${text} 0 0\r\n\r\n`).clientFlags >>> 0
  for (const number of [0, 1, 65535, 2 ** 31, 2 ** 32 - 1]) assert.equal(flags(`${number}`), number)
  assert.equal(flags('4294967296'), 0)
  assert.equal(flags('18446744073709551615'), 4294967295)
  assert.equal(flags('+5'), 5)
  assert.equal(flags('-0'), 0)
  assert.equal(flags('\t5\t6'), 5)
  assert.equal(flags('0000000000000000000000000000000000007'), 7)
})

it('times are read as 64 bits and cut to 32', () => {
  const exptime = (text: string) => readyRequest(`set k 0 ${text} 0\r\n\r\n`).exptime
  assert.equal(exptime('-1'), -1)
  assert.equal(exptime('+60'), 60)
  assert.equal(exptime('2147483647'), 2147483647)
  assert.equal(exptime('2147483648'), -2147483648)
  assert.equal(exptime('99999999999'), Number(BigInt.asIntN(32, 99999999999n)))
  assert.equal(exptime('-99999999999'), Number(BigInt.asIntN(32, -99999999999n)))
  assert.equal(exptime('9223372036854775807'), -1)
  assert.equal(exptime('-9223372036854775808'), 0)
})

it('cas uniques are 64 bits', () => {
  const request = readyRequest('cas k 0 0 0 18446744073709551615\r\n\r\n')
  assert.deepEqual([request.casHigh, request.casLow], [-1, -1])
  const small = readyRequest('cas k 0 0 0 4294967297 noreply\r\n\r\n')
  assert.deepEqual([small.casHigh, small.casLow, small.noreply], [1, 1, true])
})

it('no storage command wants its value in one piece', () => {
  for (const line of ['append k 0 0 1', 'prepend k 0 0 1 noreply', 'set k 0 0 1']) {
    assert.ok(!readyRequest(`${line}\r\na\r\n`).wholeValueNeeded)
  }
})

it('too few words', () => {
  for (const line of ['delete', 'incr', 'incr k', 'decr k', 'touch', 'touch k']) {
    assert.equal(parseText(`${line}\r\n`), BAD_FORMAT)
  }
})

it('noreply is the last word, and may be the key', () => {
  const request = readyRequest('delete noreply\r\n')
  assert.ok(request.noreply)
  assert.equal(keyText(request), 'noreply')
  assert.ok(readyRequest('delete k 0 noreply\r\n').noreply)
  assert.ok(!readyRequest('delete k noreply 0\r\n').noreply)
  assert.ok(readyRequest('incr k 1 noreply\r\n').noreply)
  assert.ok(!readyRequest('delete k\r\n').noreply)
})

it('their errors', () => {
  const badDelta = 'CLIENT_ERROR invalid numeric delta argument'
  const badTime = 'CLIENT_ERROR invalid exptime argument'
  expectAll({
    [`delete ${TOO_LONG_KEY}\r\n`]: BAD_FORMAT,
    [`delete ${TOO_LONG_KEY} noreply\r\n`]: `${BAD_FORMAT} silent`,
    [`incr ${TOO_LONG_KEY} x\r\n`]: BAD_FORMAT,
    'incr k -1\r\n': badDelta,
    'incr k +1\r\n': badDelta,
    'incr k 1.5\r\n': badDelta,
    'decr k 18446744073709551616\r\n': badDelta,
    'incr k noreply\r\n': `${badDelta} silent`,
    'touch k x\r\n': badTime,
    'touch k 2147483648\r\n': badTime,
    'touch k noreply\r\n': `${badTime} silent`,
  })
  const request = readyRequest('incr k 18446744073709551615\r\n')
  assert.deepEqual([request.deltaHigh, request.deltaLow], [-1, -1])
  assert.equal(readyRequest('touch k -1\r\n').exptime, -1)
})
