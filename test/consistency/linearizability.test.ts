import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../support/seed.ts'
import { bruteForce } from './brute-force.ts'
import type { ItemCommand, ItemOperation, Outcome } from './item-model.ts'
import { itemModel } from './item-model.ts'
import { checkLinearizable } from './linearizability.ts'

/** `a set v done` from 1 to 4 is written ['a', 1, 4, set('v'), DONE]. */
type Row = readonly [
  lane: string,
  invoked: number,
  returned: number,
  command: ItemCommand,
  outcome: Outcome | null,
]

const NEVER = Number.POSITIVE_INFINITY
const DONE: Outcome = { word: 'done' }
const MISSING: Outcome = { word: 'missing' }
const REFUSED: Outcome = { word: 'refused' }
const EXISTS: Outcome = { word: 'exists' }
const READ: ItemCommand = { kind: 'read' }
const REMOVE: ItemCommand = { kind: 'remove' }
const FLUSH: ItemCommand = { kind: 'flush' }
const EXPIRE: ItemCommand = { kind: 'expire' }

function store(
  mode: 'set' | 'add' | 'replace' | 'append' | 'prepend',
  data: string,
  compare?: number,
): ItemCommand {
  const common = { kind: 'store', mode, data, flags: 0, lifetime: 'never' } as const
  return compare === undefined ? common : { ...common, compare }
}

function soon(data: string): ItemCommand {
  return { kind: 'store', mode: 'set', data, flags: 0, lifetime: 'soon' }
}

function count(delta: bigint): ItemCommand {
  return { kind: 'count', delta }
}

function value(text: string, cas?: number): Outcome {
  return { word: 'done', value: text, flags: 0, ...(cas === undefined ? {} : { cas }) }
}

function lanesOf(rows: readonly Row[], mayBeLost: ItemOperation['mayBeLost']): ItemOperation[][] {
  const lanes = new Map<string, ItemOperation[]>()
  for (const [lane, invoked, returned, command, outcome] of rows) {
    const operations = lanes.get(lane) ?? []
    lanes.set(lane, operations)
    operations.push({ lane, invoked, returned, command, outcome, mayBeLost })
  }
  return [...lanes.values()]
}

function judged(rows: readonly Row[], mayBeLost: ItemOperation['mayBeLost'] = 'never'): boolean {
  const lanes = lanesOf(rows, mayBeLost)
  const { kind } = checkLinearizable(itemModel, lanes)
  assert.notEqual(kind, 'undecided')
  assert.equal(kind === 'linearizable', bruteForce(itemModel, lanes), 'brute force disagrees')
  return kind === 'linearizable'
}

const GOOD: Readonly<Record<string, readonly Row[]>> = {
  'nothing at all': [],
  'a read that overlaps a set sees the old or the new': [
    ['a', 0, 1, store('set', 'old'), DONE],
    ['a', 2, 9, store('set', 'new'), DONE],
    ['b', 3, 4, READ, value('old')],
    ['b', 5, 6, READ, value('new')],
  ],
  'one of two adds is refused': [
    ['a', 0, 5, store('add', 'x'), DONE],
    ['b', 0, 5, store('add', 'y'), REFUSED],
    ['c', 6, 7, READ, value('x')],
  ],
  'a command that nobody heard of may have been done, late': [
    ['a', 0, NEVER, store('set', 'x'), null],
    ['b', 1, 2, READ, MISSING],
    ['b', 3, 4, READ, value('x')],
  ],
  'or never': [
    ['a', 0, NEVER, store('set', 'x'), null],
    ['b', 1, 2, READ, MISSING],
  ],
  'a silent add found an item when it was done': [
    ['a', 0, 9, store('add', 'x'), null],
    ['b', 0, 1, store('set', 'y'), DONE],
    ['b', 2, 3, READ, value('y')],
    ['b', 4, 5, REMOVE, DONE],
    ['b', 6, 7, READ, value('x')],
  ],
  'counts add up in any order': [
    ['a', 0, 1, store('set', '10'), DONE],
    ['a', 2, 9, count(5n), value('18')],
    ['b', 2, 9, count(3n), value('13')],
    ['c', 10, 11, READ, value('18')],
  ],
  'a shorter number keeps its length': [
    ['a', 0, 1, store('set', '10'), DONE],
    ['a', 2, 3, count(-1n), { word: 'done', value: '9' }],
    ['a', 4, 5, READ, value('9 ')],
  ],
  'a number wraps at 64 bits': [
    ['a', 0, 1, store('set', '18446744073709551615'), DONE],
    ['a', 2, 3, count(2n), { word: 'done', value: '1' }],
  ],
  'a cas with the number that was shown': [
    ['a', 0, 1, store('set', 'x'), DONE],
    ['a', 2, 3, READ, value('x', 7)],
    ['a', 4, 9, store('set', 'y', 7), DONE],
    ['b', 4, 9, store('set', 'z', 7), EXISTS],
    ['c', 10, 11, READ, value('y', 8)],
  ],
  'flush_all takes what was there, and not what came after': [
    ['a', 0, 1, store('set', 'x'), DONE],
    ['f', 2, 9, FLUSH, DONE],
    ['a', 3, 4, READ, MISSING],
    ['a', 5, 6, store('set', 'y'), DONE],
    ['a', 10, 11, READ, value('y')],
  ],
  'the clock takes what has little time left': [
    ['a', 0, 1, soon('x'), DONE],
    ['clock', 2, 9, EXPIRE, null],
    ['a', 10, 11, READ, MISSING],
  ],
  'a time in the past is no item': [
    ['a', 0, 1, { kind: 'store', mode: 'set', data: 'x', flags: 0, lifetime: 'past' }, DONE],
    ['a', 2, 3, READ, MISSING],
  ],
}

const BAD: Readonly<Record<string, readonly Row[]>> = {
  'a read after the set sees the old value': [
    ['a', 0, 1, store('set', 'old'), DONE],
    ['a', 2, 3, store('set', 'new'), DONE],
    ['b', 4, 5, READ, value('old')],
  ],
  'two reads one after the other see the new and then the old': [
    ['a', 0, 1, store('set', 'old'), DONE],
    ['a', 2, 9, store('set', 'new'), DONE],
    ['b', 3, 4, READ, value('new')],
    ['b', 5, 6, READ, value('old')],
  ],
  'both adds are stored': [
    ['a', 0, 5, store('add', 'x'), DONE],
    ['b', 0, 5, store('add', 'y'), DONE],
  ],
  'a count is lost': [
    ['a', 0, 1, store('set', '10'), DONE],
    ['a', 2, 9, count(5n), value('15')],
    ['b', 2, 9, count(3n), value('13')],
  ],
  'an append is lost': [
    ['a', 0, 1, store('set', 'x'), DONE],
    ['a', 2, 9, store('append', 'a'), DONE],
    ['b', 2, 9, store('append', 'b'), DONE],
    ['c', 10, 11, READ, value('xb')],
  ],
  'both cas with one number are stored': [
    ['a', 0, 1, store('set', 'x'), { word: 'done', cas: 7 }],
    ['a', 4, 9, store('set', 'y', 7), DONE],
    ['b', 4, 9, store('set', 'z', 7), DONE],
  ],
  'a CAS number comes back': [
    ['a', 0, 1, store('set', 'x'), { word: 'done', cas: 7 }],
    ['a', 2, 3, store('set', 'y'), DONE],
    ['a', 4, 5, READ, value('y', 7)],
  ],
  'an item outlives flush_all': [
    ['a', 0, 1, store('set', 'x'), DONE],
    ['f', 2, 3, FLUSH, DONE],
    ['a', 4, 5, READ, value('x')],
  ],
  'an item outlives its time': [
    ['a', 0, 1, soon('x'), DONE],
    ['clock', 2, 3, EXPIRE, null],
    ['a', 4, 5, READ, value('x')],
  ],
  'an item is lost with evictions off': [
    ['a', 0, 1, store('set', 'x'), DONE],
    ['b', 2, 3, READ, MISSING],
  ],
  'a value that nobody wrote': [
    ['a', 0, 1, store('set', 'x'), DONE],
    ['b', 2, 3, READ, value('(torn)')],
  ],
  'the flags of another value': [
    ['a', 0, 1, store('set', 'x'), DONE],
    ['b', 2, 3, READ, { word: 'done', value: 'x', flags: 1 }],
  ],
  'one connection is answered out of order': [
    ['a', 0, 9, store('set', 'x'), DONE],
    ['a', 0, 9, READ, MISSING],
  ],
}

test('histories that have an order', () => {
  for (const [name, rows] of Object.entries(GOOD)) assert.equal(judged(rows), true, name)
})

test('histories that have none', () => {
  for (const [name, rows] of Object.entries(BAD)) assert.equal(judged(rows), false, name)
})

test('with evictions an item may go at any time, but the one before it does not come back', () => {
  const lost: Row[] = [
    ['a', 0, 1, store('set', 'old'), DONE],
    ['a', 2, 3, store('set', 'new'), DONE],
    ['b', 4, 5, READ, MISSING],
  ]
  assert.equal(judged(lost, 'always'), true)
  assert.equal(judged([...lost, ['b', 6, 7, READ, value('new')]], 'always'), false)
  assert.equal(judged([...lost, ['b', 6, 7, READ, value('old')]], 'always'), false)
  assert.equal(judged([...lost, ['b', 6, 7, store('add', 'x'), REFUSED]], 'always'), false)
  assert.equal(judged([...lost, ['b', 6, 7, store('add', 'x'), DONE]], 'always'), true)
})

test('while a clock moves only what has little time left may go', () => {
  assert.equal(
    judged(
      [
        ['a', 0, 1, soon('x'), DONE],
        ['b', 4, 5, READ, MISSING],
      ],
      'soon',
    ),
    true,
  )
  assert.equal(
    judged(
      [
        ['a', 0, 1, store('set', 'x'), DONE],
        ['b', 4, 5, READ, MISSING],
      ],
      'soon',
    ),
    false,
  )
})

test('a lane that is not in order is refused, and a long search ends undecided', () => {
  const wrong: Row[] = [
    ['a', 5, 6, READ, MISSING],
    ['a', 1, 2, READ, MISSING],
  ]
  assert.throws(() => checkLinearizable(itemModel, lanesOf(wrong, 'never')), /order/)
  const many = Array.from(
    { length: 8 },
    (_, at): Row => [`l${at}`, 0, 9, store('set', `${at}`), DONE],
  )
  const lanes = lanesOf([...many, ['r', 10, 11, READ, MISSING]], 'never')
  assert.equal(checkLinearizable(itemModel, lanes, 100).kind, 'undecided')
  assert.equal(checkLinearizable(itemModel, lanes).kind, 'violation')
})

/**
 * Runs commands on a model with a random point in each interval, so that there is an order; then spoils
 * some outcomes. What is left may have an order or not: brute force knows.
 */
function randomHistory(random: Random, mayBeLost: ItemOperation['mayBeLost']): ItemOperation[][] {
  const planned: { point: number; operation: ItemOperation }[] = []
  const lanes = 2 + random.below(3)
  let casTold = 0
  for (let lane = 0; lane < lanes; lane++) {
    let now = random.below(10)
    for (let left = 1 + random.below(3); left > 0; left--) {
      const [invoked, length] = [now, 1 + random.below(20)]
      now += 1 + random.below(length)
      const returned = Math.max(now, invoked + length)
      const point = invoked + 0.5 + (random.word() / 0x1_0000_0000) * 0.4
      const command = randomCommand(random)
      planned.push({
        point,
        operation: { lane: `${lane}`, invoked, returned, command, outcome: null, mayBeLost },
      })
      now = returned
    }
  }
  let state = itemModel.initial
  const operations = planned
    .toSorted((left, right) => left.point - right.point)
    .map(({ operation }): ItemOperation => {
      const told = OUTCOMES.flatMap((outcome) =>
        outcome.word === 'done' && operation.command.kind === 'read'
          ? [{ ...outcome, value: state.value ?? '', flags: state.flags }]
          : [outcome],
      )
        .map((outcome) => ({
          ...operation,
          outcome: casOf(outcome, operation.command, ++casTold, random),
        }))
        .find((candidate) => itemModel.step(state, candidate).length > 0)
      const done = told ?? operation
      state = random.pick(
        itemModel.step(state, done).length > 0 ? itemModel.step(state, done) : [state],
      )
      return spoil(random, done)
    })
  const byLane = new Map<string, ItemOperation[]>()
  for (const operation of operations)
    byLane.set(operation.lane, [...(byLane.get(operation.lane) ?? []), operation])
  return [...byLane.values()].map(withTail)
}

const OUTCOMES: readonly Outcome[] = [DONE, MISSING, REFUSED, EXISTS, { word: 'notNumber' }]

function casOf(outcome: Outcome, command: ItemCommand, cas: number, random: Random): Outcome {
  const isChange = command.kind === 'store' || command.kind === 'count'
  return isChange && outcome.word === 'done' && random.chance(0.5) ? { ...outcome, cas } : outcome
}

/** After a command that nobody heard of, a lane has ended. */
function withTail(lane: readonly ItemOperation[]): ItemOperation[] {
  const cut = lane.findIndex(({ returned }) => returned === NEVER)
  return cut < 0 ? [...lane] : lane.slice(0, cut + 1)
}

function spoil(random: Random, operation: ItemOperation): ItemOperation {
  if (random.chance(0.1)) return { ...operation, outcome: null }
  if (random.chance(0.07)) return { ...operation, outcome: null, returned: NEVER }
  if (random.chance(0.1)) return { ...operation, outcome: random.pick(OUTCOMES) }
  return operation
}

function randomCommand(random: Random): ItemCommand {
  return random.pick<() => ItemCommand>([
    () => READ,
    () => READ,
    () => ({ kind: 'read', lifetime: random.pick(['never', 'soon', 'past']) }),
    () =>
      store(
        random.pick(['set', 'add', 'replace', 'append', 'prepend']),
        random.pick(['1', '2', 'x']),
      ),
    () => store('set', random.pick(['1', 'x']), 1 + random.below(8)),
    () => soon('s'),
    () => count(random.pick([1n, 1n, -1n])),
    () => ({ kind: 'count', delta: 1n, initial: { value: 5n, lifetime: 'never' } }),
    () => ({ kind: 'touch', lifetime: random.pick(['never', 'soon', 'past']) }),
    () => REMOVE,
    () => ({ kind: 'remove', compare: 1 + random.below(8) }),
    () => FLUSH,
    () => EXPIRE,
  ])()
}

test('random small histories, against every order there is', () => {
  const seed = 20_261_122
  const random = new Random(seed)
  const counts = { good: 0, bad: 0 }
  for (let round = 0; round < 6000; round++) {
    const lanes = randomHistory(random, random.pick(['never', 'soon', 'always']))
    const { kind } = checkLinearizable(itemModel, lanes)
    const expected = bruteForce(itemModel, lanes)
    assert.equal(kind === 'linearizable', expected, `round ${round}: ${describe(lanes)}`)
    counts[expected ? 'good' : 'bad']++
  }
  assert.ok(counts.good > 1000 && counts.bad > 1000, JSON.stringify(counts))
})

function describe(lanes: readonly (readonly ItemOperation[])[]): string {
  return JSON.stringify(lanes, (_, part) => (typeof part === 'bigint' ? Number(part) : part), 1)
}
