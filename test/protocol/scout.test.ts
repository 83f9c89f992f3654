import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashBytes } from '../../src/base/hash.ts'
import { PARSE_READY } from '../../src/protocol/request.ts'
import { SCOUT_COMMANDS_MAX, SCOUT_KEYS_MAX, Scout } from '../../src/protocol/scout.ts'
import { Random, testSeed } from '../support/seed.ts'
import { createParser, HASH_SEED, readyRequest } from './parse.ts'

/** Before and behind what is looked at, so that a look outside shows: it differs between two looks. */
const SURROUNDINGS = [
  '',
  'get outside another\r\nset s 0 0 9\r\n',
  '9999 \r\n\n k 0 0 3\r\nmg x v\r\n',
]

interface Look {
  readonly hashes: number[]
  /** How far it got, from the first byte of the text. */
  readonly to: number
}

/** What is found in the text, which must not depend on what lies around it. */
function lookAt(text: string | Buffer): Look {
  const bytes = Buffer.from(text as string, 'latin1')
  const looks = SURROUNDINGS.map((around) => {
    const outside = Buffer.from(around, 'latin1')
    const buffer = Buffer.concat([outside, bytes, outside])
    const from = outside.length
    const scout = new Scout(HASH_SEED)
    const to = scout.lookAtCommands(buffer, from, from + bytes.length)
    assert.ok(scout.count <= SCOUT_KEYS_MAX, `${scout.count} keys`)
    return { hashes: [...scout.hashes.subarray(0, scout.count)], to: to - from }
  })
  for (const other of looks)
    assert.deepEqual(
      looks[0],
      other,
      `looked outside of ${JSON.stringify(bytes.toString('latin1'))}`,
    )
  const look = looks[0]!
  assert.ok(look.to > 0 && look.to <= bytes.length, `went to ${look.to} of ${bytes.length}`)
  return look
}

function hashOf(key: string): number {
  return hashBytes(HASH_SEED, Buffer.from(key, 'latin1'), 0, key.length)
}

function keysAre(text: string, keys: readonly string[]): void {
  assert.deepEqual(
    lookAt(text),
    { hashes: keys.map(hashOf), to: text.length },
    JSON.stringify(text),
  )
}

test('finds the key of each command of a pipeline', () => {
  keysAre('get a\r\nget bb\r\ngets ccc\r\n', ['a', 'bb', 'ccc'])
  keysAre('incr n 5\r\ndecr n 5 noreply\r\ntouch t 10\r\ndelete d noreply\r\n', [
    'n',
    'n',
    't',
    'd',
  ])
  keysAre('mg a v t\r\nmd b q\r\nma c D5 v\r\nmg dd s v\r\n', ['a', 'b', 'c', 'dd'])
  keysAre('get a\nget b\n', ['a', 'b'])
  keysAre('get a other keys\r\nget b\r\n', ['a', 'b'])
})

test('skips values by their length, whatever is in them', () => {
  keysAre('set a 0 0 3\r\nabc\r\nget b\r\n', ['a', 'b'])
  keysAre('set a 7 100 18 noreply\r\nget x\r\n\n\nget y\r\n\r\nget b\r\n', ['a', 'b'])
  keysAre('ms a 7\r\nget x\r\n\r\nmg b v\r\n', ['a', 'b'])
  keysAre('ms a 2 T90 q\r\n\n\n\r\nms b 0\r\n\r\nmn\r\n', ['a', 'b'])
  for (const word of ['add', 'append', 'replace', 'prepend']) {
    keysAre(`${word} a 0 0 8\r\nget x\r\n\n\r\nget b\r\n`, ['a', 'b'])
  }
  keysAre('cas a 0 0 7 12\r\nget x\r\n\r\nget b\r\n', ['a', 'b'])
})

test('finds what the parser finds', () => {
  const seed = testSeed()
  console.log(`seed ${seed}`)
  const random = new Random(seed)
  for (let round = 0; round < 200; round++) {
    const text = Array.from({ length: random.between(1, SCOUT_KEYS_MAX) }, () =>
      command(random),
    ).join('')
    const buffer = Buffer.from(text, 'latin1')
    const parser = createParser()
    const expected: number[] = []
    for (let at = 0; at < buffer.length; at = parser.request.next) {
      assert.equal(parser.parse(buffer, at, buffer.length), PARSE_READY, JSON.stringify(text))
      expected.push(parser.request.keyHash)
    }
    assert.deepEqual(lookAt(buffer), { hashes: expected, to: buffer.length }, JSON.stringify(text))
  }
})

test('looks at a bounded number of keys, and goes on behind them', () => {
  const command = 'get k\r\n'
  const { hashes, to } = lookAt(command.repeat(SCOUT_KEYS_MAX + 5))
  assert.equal(hashes.length, SCOUT_KEYS_MAX)
  assert.equal(to, SCOUT_KEYS_MAX * command.length)
})

test('looks at a bounded number of commands that have no key', () => {
  const { hashes, to } = lookAt('mn\r\n'.repeat(1000))
  assert.deepEqual(hashes, [])
  assert.equal(to, 4 * SCOUT_COMMANDS_MAX)
})

test('nothing that a client may send makes it stand still or look outside', () => {
  const texts = [
    ...['\r\n', '\n', '\r', ' ', '  \r\n', '\n\n\n\n', '\r\n\r\n\r\n', '\0\0\0', '\t\r\n'],
    ...[
      'g',
      'get',
      'get ',
      'get k',
      'get k\r',
      'get  k\r\n',
      'set',
      'set k',
      'set k 0',
      'set k 0 0',
    ],
    ...['set k 0 0 \r\n', 'set k 0 0 5', 'set k 0 0 5\r', 'set k 0 0 5\r\n', 'set k 0 0 5\r\nab'],
    ...['set k 0 0 1000000000\r\nab\r\nget b\r\n', `set k 0 0 ${'9'.repeat(400)}\r\nab\r\n`],
    ...[
      'set k 0 0 -1\r\nget b\r\n',
      'set k 0 0 x noreply\r\n',
      'set\r\nget b\r\n',
      'noreply\r\nnoreply',
    ],
    ...[
      'ms',
      'ms k',
      'ms k ',
      'ms k\r\nmg b\r\n',
      'ms k S5\r\n',
      'ms  5\r\n',
      'ms k 4294967296\r\na',
    ],
    ...['stats\r\nget b\r\n', 'version\r\nquit\r\n', 'verbosity 1 noreply\r\n', 'x'.repeat(5000)],
  ]
  for (const text of texts) lookAt(text)
})

test('a length that is larger than what is here ends the look with the key found', () => {
  const text = 'get a\r\nset b 0 0 1000000000\r\nget x\r\n'
  assert.deepEqual(lookAt(text), { hashes: ['a', 'b'].map(hashOf), to: text.length })
})

test('random bytes', () => {
  const seed = testSeed()
  console.log(`seed ${seed}`)
  const random = new Random(seed)
  const words = [
    'get',
    'set',
    'ms',
    'mg',
    'cas',
    'k',
    '0',
    '5',
    '99999',
    'noreply',
    ' ',
    '\r\n',
    '\n',
    '\r',
  ]
  for (let round = 0; round < 20_000; round++) {
    const length = random.between(1, 40)
    const text = Array.from({ length }, () =>
      random.chance(0.7)
        ? random.pick(words) + random.pick(['', ' '])
        : String.fromCharCode(random.below(256)),
    ).join('')
    lookAt(text)
  }
})

test('finds the keys of a line, up to its end', () => {
  const line = 'get first second  third'
  const request = readyRequest(`${line}\r\n`)
  const scout = new Scout(HASH_SEED)
  const to = scout.lookAtKeys(request, request.keyStart)
  assert.deepEqual(
    [...scout.hashes.subarray(0, scout.count)],
    ['first', 'second', 'third'].map(hashOf),
  )
  assert.equal(to, request.lineEnd)
})

test('looks at a bounded number of keys of a line, and goes on with the next', () => {
  const keys = Array.from({ length: 2 * SCOUT_KEYS_MAX + 3 }, (_, at) => `key${at}`)
  const request = readyRequest(`get ${keys.join(' ')}\r\n`)
  const scout = new Scout(HASH_SEED)
  const found: number[] = []
  for (let at = request.keyStart; at < request.lineEnd; ) {
    const to = scout.lookAtKeys(request, at)
    assert.ok(to > at && to <= request.lineEnd)
    found.push(...scout.hashes.subarray(0, scout.count))
    at = to
  }
  assert.deepEqual(found, keys.map(hashOf))
})

/** One good command with a key, and sometimes a value that looks like commands. */
function command(random: Random): string {
  const key = Array.from({ length: random.between(1, 30) }, () =>
    String.fromCharCode(random.between(33, 126)),
  ).join('')
  const length = random.below(50)
  const value = Array.from({ length }, () => random.pick(['\n', '\r', ' ', 'g', '0', '\xff'])).join(
    '',
  )
  const noreply = random.pick(['', ' noreply'])
  return random.pick([
    `get ${key}\r\n`,
    `gets ${key}\n`,
    `delete ${key}${noreply}\r\n`,
    `incr ${key} 12${noreply}\r\n`,
    `set ${key} 3 0 ${length}${noreply}\r\n${value}\r\n`,
    `append ${key} 0 -1 ${length}${noreply}\r\n${value}\r\n`,
    `cas ${key} 0 0 ${length} 77${noreply}\r\n${value}\r\n`,
    `mg ${key} v k O1\r\n`,
    `ms ${key} ${length}\r\n${value}\r\n`,
    `ms ${key} ${length} T100 c\r\n${value}\r\n`,
    `md ${key} q\r\n`,
  ])
}
