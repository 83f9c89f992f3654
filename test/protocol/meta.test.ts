import assert from 'node:assert/strict'
import { it } from 'node:test'
import { hashBytes } from '../../src/base/hash.ts'
import { META_FLAG } from '../../src/protocol/meta.ts'
import { OPCODE } from '../../src/protocol/opcode.ts'
import { BAD_FORMAT, createParser, HASH_SEED, keyText, parseText, readyRequest } from './parse.ts'

function expectAll(table: Readonly<Record<string, string>>): void {
  for (const [text, expected] of Object.entries(table)) {
    assert.equal(parseText(text), expected, JSON.stringify(text).slice(0, 200))
  }
}

const TOO_LONG_KEY = 'k'.repeat(251)

it('every letter is known to all of them', () => {
  const flags = 'c f h k l q s t u v x C1 D2 E3 F4 I J5 L6'
  const others = 'MI N7 O8 P9 R10 T11'
  for (const word of ['mg', 'md']) {
    assert.equal(
      parseText(`${word} k ${flags}\r\n`),
      `ready ${word === 'mg' ? 'metaGet' : 'metaDelete'}`,
    )
    assert.match(parseText(`${word} k ${others}\r\n`), /^ready/)
  }
  assert.equal(parseText(`ma k ${flags}\r\n`), 'ready metaArithmetic')
  assert.equal(parseText(`ma k ${others}\r\n`), 'ready metaArithmetic')
  assert.equal(parseText(`ms k 1 ${flags.replace(' h', '')}\r\na\r\n`), 'ready metaSet')
  assert.equal(
    parseText('ms k 1 MS N7 O8 P9 R10 T11 b h\r\na\r\n'),
    'CLIENT_ERROR error decoding key swallow 3 at 32',
  )
})

it('arguments arrive', () => {
  const request = readyRequest('mg k T30 N-1 R10 E18446744073709551615 C5 Oabc q\r\n')
  assert.deepEqual([request.exptime, request.vivifyExptime, request.recacheExptime], [30, -1, 10])
  assert.deepEqual([request.newCasHigh, request.newCasLow], [-1, -1])
  assert.deepEqual([request.casHigh, request.casLow], [0, 5])
  assert.equal(request.metaFlags & META_FLAG.quiet, META_FLAG.quiet)
  assert.equal(request.metaFlags & META_FLAG.value, 0)
  const set = readyRequest('ms k 0 F4294967295\r\n\r\n')
  assert.equal(set.clientFlags, -1)
})

it('nothing is left over from the command before', () => {
  const request = readyRequest('ms k 0\r\n\r\n')
  assert.deepEqual([request.exptime, request.clientFlags, request.metaFlags], [0, 0, 0])
  assert.equal(request.mode, OPCODE.set)
  const add = readyRequest('ma k\r\n')
  assert.deepEqual([add.deltaHigh, add.deltaLow, add.initialHigh, add.initialLow], [0, 1, 0, 0])
  assert.equal(add.mode, OPCODE.increment)
})

it('too few words, long keys, too many words', () => {
  const many = 'A B C D E F G H I J K L M N O P Q R S'
  expectAll({
    'mg\r\n': BAD_FORMAT,
    'md \r\n': BAD_FORMAT,
    'ma\r\n': BAD_FORMAT,
    'me\r\n': BAD_FORMAT,
    'ms k\r\n': BAD_FORMAT,
    'ms k x\r\n': BAD_FORMAT,
    'ms k -1\r\n': BAD_FORMAT,
    [`mg ${TOO_LONG_KEY}\r\n`]: BAD_FORMAT,
    [`me ${TOO_LONG_KEY}\r\n`]: BAD_FORMAT,
    [`ma ${TOO_LONG_KEY}\r\n`]: 'CLIENT_ERROR invalid or duplicate flag',
    [`ms ${TOO_LONG_KEY} 1\r\n`]: `${BAD_FORMAT} swallow 3`,
    [`mg k ${many}\r\n`]: 'CLIENT_ERROR options flags are too long',
    [`mg k ${many.slice(2)}\r\n`]: 'CLIENT_ERROR invalid flag',
    'mx k\r\n': 'ERROR',
    'm\r\n': BAD_FORMAT,
  })
})

it('flags that are wrong', () => {
  expectAll({
    'mg k v v\r\n': 'CLIENT_ERROR duplicate flag',
    'mg k P P\r\n': 'CLIENT_ERROR duplicate flag',
    'mg k S\r\n': 'CLIENT_ERROR invalid flag',
    'mg k 5\r\n': 'CLIENT_ERROR invalid flag',
    'mg k [\r\n': 'CLIENT_ERROR invalid flag',
    'mg k !\r\n': BAD_FORMAT,
    'mg k {\r\n': BAD_FORMAT,
    'mg k v \xff\r\n': BAD_FORMAT,
    'ms k 1 !\r\na\r\n': `${BAD_FORMAT} at 10`,
    'ms k 1 S\r\na\r\n': 'CLIENT_ERROR invalid flag swallow 3 at 10',
    'ma k v v\r\n': 'CLIENT_ERROR invalid or duplicate flag',
  })
})

it('arguments that are wrong: the last counts, and F has no line of its own', () => {
  const badToken = 'CLIENT_ERROR bad token in command line format'
  expectAll({
    'mg k T\r\n': badToken,
    'mg k Tx\r\n': badToken,
    'mg k T2147483648\r\n': badToken,
    'mg k N1.5\r\n': badToken,
    'mg k R+1\r\n': badToken,
    'mg k C\r\n': badToken,
    'mg k E-1\r\n': badToken,
    'mg k F\r\n': BAD_FORMAT,
    'mg k F4294967296\r\n': BAD_FORMAT,
    'mg k F-1\r\n': BAD_FORMAT,
    'mg k J\r\n': 'CLIENT_ERROR invalid numeric initial value',
    'mg k Dx\r\n': 'CLIENT_ERROR invalid numeric delta value',
    'mg k Dx Tx\r\n': badToken,
    'mg k Tx Dx Fx\r\n': 'CLIENT_ERROR invalid numeric delta value',
    'ma k Tx\r\n': 'CLIENT_ERROR invalid or duplicate flag',
    'ms k 1 Tx\r\na\r\n': `${badToken} swallow 3 at 11`,
  })
})

it('keys in base64 are decoded and hashed anew', () => {
  const request = readyRequest('mg Zm9v b v\r\n')
  assert.equal(keyText(request), 'foo')
  assert.equal(request.keyHash, hashBytes(HASH_SEED, Buffer.from('foo'), 0, 3))
  expectAll({
    'mg foo b\r\n': 'CLIENT_ERROR error decoding key',
    'ms Zm9v 1 b\r\na\r\n': 'ready metaSet',
  })
  assert.equal(keyText(readyRequest('me Zm9v b\r\n')), 'Zm9v')
  assert.equal(keyText(readyRequest('me Zm9v b x\r\n')), 'foo')
  assert.equal(parseText('me foo b x\r\n'), BAD_FORMAT)
})

it('an opaque may be 31 bytes long', () => {
  const good = 'o'.repeat(31)
  const long = 'o'.repeat(32)
  const error = 'CLIENT_ERROR opaque token too long'
  expectAll({
    [`mg k O${good}\r\n`]: 'ready metaGet',
    'mg k O\r\n': 'ready metaGet',
    [`mg k O${long}\r\n`]: error,
    [`md k O${long}\r\n`]: error,
    [`ma k O${long}\r\n`]: error,
    [`ms k 1 O${long}\r\n`]: `${error} swallow 3`,
    [`ms k 1 O${long}\r\na\r\n`]: `${error} swallow 3 at 42`,
    [`ms k 1 O${long}\r\naxx\r\n`]: `${error} swallow 3 at 42`,
    [`ms k 1048576 O${long}\r\n`]: 'SERVER_ERROR object too large for cache swallow 1048578',
  })
})

it('modes of ms and ma', () => {
  const modes = {
    E: 'add',
    A: 'append',
    P: 'prepend',
    R: 'replace',
    S: 'set',
    Set: 'set',
  } as const
  for (const [letter, mode] of Object.entries(modes)) {
    assert.equal(readyRequest(`ms k 0 M${letter}\r\n\r\n`).mode, OPCODE[mode], letter)
  }
  for (const letter of ['', 's', 'set', 'e', 'X', '-']) {
    const error = 'CLIENT_ERROR invalid mode for ms M token swallow 2'
    assert.equal(parseText(`ms k 0 M${letter}\r\n`), error)
  }
  assert.equal(readyRequest('ms k 0 C1\r\n\r\n').mode, OPCODE.cas)
  assert.equal(readyRequest('ms k 0 C1 MR\r\n\r\n').mode, OPCODE.cas)
  assert.equal(readyRequest('ms k 0 C1 ME\r\n\r\n').mode, OPCODE.add)
  for (const letter of ['I', '+', 'Incr']) {
    assert.equal(readyRequest(`ma k M${letter}\r\n`).mode, OPCODE.increment)
  }
  for (const letter of ['D', '-', 'Decr']) {
    assert.equal(readyRequest(`ma k M${letter}\r\n`).mode, OPCODE.decrement)
  }
  assert.equal(parseText('ma k Mi\r\n'), 'CLIENT_ERROR invalid mode for ma M token')
  assert.equal(parseText('ma k M\r\n'), 'CLIENT_ERROR invalid mode for ma M token')
})

it('q does not hide a bad data chunk', () => {
  assert.equal(parseText('ms k 1 q\r\nabc'), 'CLIENT_ERROR bad data chunk')
})

it('an opaque that is too long is noticed whatever came before', () => {
  const parser = createParser()
  const line = `ms k 1 O${'o'.repeat(32)}\r\na\r\n`
  for (let round = 0; round < 2; round++) {
    assert.match(parseText(line, parser), /^CLIENT_ERROR opaque token too long swallow 3/)
  }
})
