import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  boolean,
  duration,
  integerOrAuto,
  octal,
  printDuration,
  printSize,
  size,
  splitHostPort,
} from '../../src/config/formats.ts'
import { settings } from '../../src/config/schema.ts'

const KIB = 1024

test('sizes are read with and without units, in powers of 1024', () => {
  const { read } = size({ min: 0, max: 64 * KIB ** 4 })
  for (const [text, bytes] of [
    ['64', 64],
    [64, 64],
    ['64b', 64],
    ['1k', KIB],
    ['1kb', KIB],
    ['1KiB', KIB],
    ['64mb', 64 * KIB ** 2],
    ['64 MB', 64 * KIB ** 2],
    ['1.5g', 1.5 * KIB ** 3],
    ['1gb', KIB ** 3],
    ['0', 0],
  ] as const) {
    assert.equal(read(text), bytes, String(text))
  }
})

test('what is no size is not read', () => {
  const { read } = size({ min: 1, max: KIB })
  for (const text of ['', '-1', 'mb', '1x', '1e3', '0x10', '1.5', '2k', '0', null, [], {}, true]) {
    assert.equal(read(text), undefined, JSON.stringify(text))
  }
})

test('durations need a unit, but 0 does not', () => {
  const { read } = duration({ max: 3_600_000 })
  for (const [text, milliseconds] of [
    ['500ms', 500],
    ['10s', 10_000],
    ['0.5s', 500],
    ['1m', 60_000],
    ['1h', 3_600_000],
    ['0', 0],
    [0, 0],
  ] as const) {
    assert.equal(read(text), milliseconds, String(text))
  }
  for (const text of ['10', 10, '1d', '-1s', '2h', '', 's', null]) {
    assert.equal(read(text), undefined, JSON.stringify(text))
  }
})

test('permissions are octal however they are written', () => {
  const { read } = octal()
  for (const [raw, mask] of [
    ['700', 0o700],
    ['0700', 0o700],
    [700, 0o700],
    ['0', 0],
    ['7', 7],
  ] as const) {
    assert.equal(read(raw), mask, String(raw))
  }
  for (const raw of ['8', '1777', '', '0o7', -7, 7.5, null]) {
    assert.equal(read(raw), undefined, JSON.stringify(raw))
  }
})

test('booleans have the usual words', () => {
  const { read } = boolean()
  for (const raw of [true, 'true', 'TRUE', 'yes', 'on', '1', 1]) assert.equal(read(raw), true)
  for (const raw of [false, 'false', 'no', 'off', '0', 0]) assert.equal(read(raw), false)
  for (const raw of ['', 'maybe', 2, null, [], 'constructor', 'toString']) {
    assert.equal(read(raw), undefined, JSON.stringify(raw))
  }
})

test('auto stands for 0, which cannot be written', () => {
  const { read, print } = integerOrAuto({ min: 1, max: 4 })
  assert.equal(read('auto'), 0)
  assert.equal(read('3'), 3)
  assert.equal(read('0'), undefined)
  assert.equal(read(0), undefined)
  assert.equal(print(0), 'auto')
})

test('hosts and ports are told apart', () => {
  assert.deepEqual(splitHostPort('host'), { host: 'host', port: 0 })
  assert.deepEqual(splitHostPort('host:5'), { host: 'host', port: 5 })
  assert.deepEqual(splitHostPort('::1'), { host: '::1', port: 0 })
  assert.deepEqual(splitHostPort('[::1]'), { host: '::1', port: 0 })
  assert.deepEqual(splitHostPort('[::1]:65535'), { host: '::1', port: 65535 })
  for (const text of ['', ':5', 'host:', 'host:65536', '[::1', '[::1]5', '[host]:5', 'a:b']) {
    assert.equal(splitHostPort(text), undefined, text)
  }
})

test('sizes and durations are printed in their largest whole unit', () => {
  assert.deepEqual([0, 1, 1024, 1536, 1025, 2 ** 26, 2 ** 30].map(printSize), [
    '0',
    '1',
    '1kb',
    '1536',
    '1025',
    '64mb',
    '1gb',
  ])
  assert.deepEqual([0, 1, 1000, 90_000, 60_000, 3_600_000].map(printDuration), [
    '0',
    '1ms',
    '1s',
    '90s',
    '1m',
    '1h',
  ])
})

for (const { key, setting } of settings) {
  test(`${key}: the default is allowed, and reads back as it is printed`, () => {
    assert.ok(setting.rule.accepts(setting.default))
    assert.deepEqual(setting.rule.read(setting.rule.print(setting.default)), setting.default)
  })

  test(`${key}: the variable is named after the key`, () => {
    const name = key.replace('.', '_').replace(/[A-Z]/g, (letter) => `_${letter}`)
    assert.equal(setting.env, `MEMCKV_${name.toUpperCase()}`)
  })

  test(`${key}: nonsense of every type is refused without throwing`, () => {
    const nonsense = [
      '\0',
      {},
      [],
      [{}],
      null,
      undefined,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      -7.5,
      Symbol.iterator,
    ]
    for (const raw of nonsense) assert.equal(setting.rule.read(raw), undefined, String(raw))
  })
}
