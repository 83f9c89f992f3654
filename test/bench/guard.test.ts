import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Bound } from './guard/bounds.ts'
import { BOUNDS } from './guard/bounds.ts'
import { refs } from './guard/instructions.ts'
import { judge } from './guard/judge.ts'
import { callsOf } from './guard/syscalls.ts'

const LEAST: Bound = { name: 'least', unit: 'items', atLeast: 10 }
const MOST: Bound = { name: 'most', unit: 'bytes', atMost: 10 }

function kept(bounds: readonly Bound[], figures: Record<string, number | null>): boolean[] {
  return judge(bounds, new Map(Object.entries(figures))).map((verdict) => verdict.kept)
}

test('a figure on its bound keeps it, and one beyond breaks it', () => {
  assert.deepEqual(kept([LEAST, MOST], { least: 10, most: 10 }), [true, true])
  assert.deepEqual(kept([LEAST, MOST], { least: 9, most: 11 }), [false, false])
})

test('a figure that is missing or no number breaks its bound, one that cannot be had does not', () => {
  assert.deepEqual(kept([LEAST, MOST], { most: Number.NaN }), [false, false])
  assert.deepEqual(kept([LEAST, MOST], { least: null, most: null }), [true, true])
})

test('a figure without a bound is refused', () => {
  assert.throws(() => kept([LEAST], { other: 1 }), /no bound/)
})

test('every bound has a name of its own and one limit', () => {
  assert.equal(new Set(BOUNDS.map(({ name }) => name)).size, BOUNDS.length)
  for (const { name, atMost, atLeast } of BOUNDS) {
    assert.ok((atMost === undefined) !== (atLeast === undefined), name)
  }
})

test("strace's and valgrind's tables are read", () => {
  const table = [
    '% time     seconds  usecs/call     calls    errors syscall',
    '------ ----------- ----------- --------- --------- ----------------',
    ' 69.39    0.000993          99        10         2 futex',
    ' 25.51    0.000365          18        20           epoll_pwait',
    '100.00    0.001431          38        30         2 total',
  ]
  const calls = callsOf(table.join('\n'))
  assert.deepEqual(Object.fromEntries(calls), { futex: 10, epoll_pwait: 20 })
  assert.equal(refs('==1== \n==1== I   refs:      2,482,757,907\n'), 2_482_757_907)
  assert.ok(Number.isNaN(refs('nothing')))
})
