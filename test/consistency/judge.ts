import type { ItemOperation } from './item-model.ts'
import { itemModel } from './item-model.ts'
import type { Verdict } from './linearizability.ts'
import { checkLinearizable } from './linearizability.ts'
import type { Recorded } from './recorder.ts'
import { lanesOf } from './recorder.ts'

export interface Judged {
  readonly operations: number
  /** Of the key that took longest to decide. */
  readonly configurations: number
  /** Histories that only the loss of an item explains. */
  readonly lost: number
}

/** Throws with the whole story when there is no order for a key's history, or none was found in time. */
export function judgeHistory(history: readonly Recorded[], keys: readonly string[]): Judged {
  let [operations, configurations, lost] = [0, 0, 0]
  for (const key of keys) {
    const lanes = lanesOf(history, key)
    const verdict = checkLinearizable(itemModel, lanes)
    if (verdict.kind !== 'linearizable') throw new Error(describe(key, verdict))
    operations += verdict.order.length
    configurations = Math.max(configurations, verdict.configurations)
    if (wasLost(lanes)) lost++
  }
  judgeCas(history)
  return { operations, configurations, lost }
}

/** Enough to know of nearly all; this is only asked to see that losses were there to be judged. */
const LOSS_CONFIGURATIONS_MAX = 20_000

function wasLost(lanes: readonly (readonly ItemOperation[])[]): boolean {
  if (lanes.flat().every(({ mayBeLost }) => mayBeLost === 'never')) return false
  const strict = lanes.map((lane) => lane.map((one) => ({ ...one, mayBeLost: 'never' as const })))
  return checkLinearizable(itemModel, strict, LOSS_CONFIGURATIONS_MAX).kind === 'violation'
}

/** A CAS number names one state of one item in the whole server, and one change that made it so. */
function judgeCas(history: readonly Recorded[]): void {
  const changes = new Map<number, string | null>()
  const values = new Map<number, string>()
  for (const { key, command, outcome } of history) {
    const { cas = 0, value } = outcome ?? {}
    if (cas === 0) continue
    if (command.kind === 'store' || command.kind === 'count') {
      const other = changes.get(cas)
      if (other !== undefined) throw new Error(`CAS ${cas} for changes of ${other} and ${key}`)
      changes.set(cas, key)
    } else if (value !== undefined) {
      const shown = `${key} ${value}`
      const before = values.get(cas) ?? shown
      if (before !== shown) throw new Error(`CAS ${cas} was "${before}" and "${shown}"`)
      values.set(cas, shown)
    }
  }
}

const STORY_OPERATIONS = 25

function describe(
  key: string,
  verdict: Exclude<Verdict<ItemOperation>, { kind: 'linearizable' }>,
): string {
  const { order, state, next } = verdict.stuck
  const last = order.slice(-STORY_OPERATIONS)
  const start = Math.min(...[...last, ...next].map(({ invoked }) => invoked))
  const line = ({ lane, command, outcome, invoked, returned }: ItemOperation): string => {
    const times = `${(invoked - start).toFixed(3)}–${(returned - start).toFixed(3)} ms`
    return `  ${lane} ${times} ${text(command)} -> ${text(outcome)}`
  }
  const what =
    verdict.kind === 'violation'
      ? 'no order of its operations is possible'
      : `undecided after ${verdict.configurations} configurations`
  return [
    `${key}: ${what}. The longest order that was found has ${order.length}, the last being`,
    ...last.map(line),
    `the item is then: ${state}`,
    'and the next of each connection are:',
    ...next.map(line),
  ].join('\n')
}

function text(value: unknown): string {
  return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? Number(part) : part))
}
