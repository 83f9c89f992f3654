import type { Model, Operation } from './linearizability.ts'

/**
 * What memcached promises of one key, as a model for the checker. A value is its text; large ones are
 * names of what was stored (values.ts). Every change gives an item a new CAS number, higher than any that
 * this key had before; where no reply has shown it yet it is 0 here.
 */
export interface ItemState {
  /** Null: there is no item. */
  readonly value: string | null
  readonly flags: number
  readonly lifetime: Lifetime
  readonly cas: number
  /** The highest CAS number that was seen of this key. */
  readonly highest: number
}

/** `soon`: gone when the clock moves. `past`: never seen at all. */
export type Lifetime = 'never' | 'far' | 'soon' | 'past'

export type StoreMode = 'set' | 'add' | 'replace' | 'append' | 'prepend'

export type ItemCommand =
  | {
      readonly kind: 'store'
      readonly mode: StoreMode
      readonly data: string
      readonly flags: number
      readonly lifetime: Lifetime
      /** The CAS number without which nothing happens. */
      readonly compare?: number
    }
  | { readonly kind: 'read'; readonly lifetime?: Lifetime }
  | { readonly kind: 'touch'; readonly lifetime: Lifetime }
  | { readonly kind: 'remove'; readonly compare?: number }
  | {
      readonly kind: 'count'
      readonly delta: bigint
      readonly compare?: number
      /** Begins here where there is no item. */
      readonly initial?: { readonly value: bigint; readonly lifetime: Lifetime }
    }
  | { readonly kind: 'flush' }
  /** The clock moves on by more than `soon`. */
  | { readonly kind: 'expire' }

export interface Outcome {
  readonly word: 'done' | 'missing' | 'refused' | 'exists' | 'notNumber' | 'noMemory'
  readonly value?: string
  readonly flags?: number
  readonly cas?: number
}

export interface ItemOperation extends Operation {
  readonly lane: string
  readonly command: ItemCommand
  /** Null: nobody was told. */
  readonly outcome: Outcome | null
  /** The item may have been lost just before: it was evicted, or a clock was moving. */
  readonly mayBeLost: 'never' | 'soon' | 'always'
}

const ABSENT: ItemState = { value: null, flags: 0, lifetime: 'never', cas: 0, highest: 0 }

export const itemModel: Model<ItemState, ItemOperation> = {
  initial: ABSENT,
  step,
  identify,
  isPassive,
  rank,
}

/** CAS numbers of one key only go up, so a change that was told its number has its place. */
function rank({ command, outcome }: ItemOperation): number {
  const isChange = command.kind === 'store' || command.kind === 'count'
  return isChange && outcome?.word === 'done' && outcome.cas
    ? outcome.cas
    : Number.POSITIVE_INFINITY
}

/** A silent add may find an item or none, and a loss that only this one may explain belongs to its place. */
function isPassive({ command, outcome, mayBeLost }: ItemOperation): boolean {
  if (outcome === null || mayBeLost === 'soon') return false
  if (command.kind === 'flush' || command.kind === 'expire') return false
  if (outcome.word === 'done') return command.kind === 'read' && command.lifetime === undefined
  return outcome.word !== 'noMemory'
}

function identify({ value, flags, lifetime, cas, highest }: ItemState): string {
  return value === null ? `- ${highest}` : `${flags} ${lifetime} ${cas} ${highest} ${value}`
}

function step(state: ItemState, operation: ItemOperation): readonly ItemState[] {
  const next = apply(state, operation)
  const { mayBeLost } = operation
  const loses = mayBeLost === 'always' || (mayBeLost === 'soon' && state.lifetime === 'soon')
  if (!loses || state.value === null) return next
  return [...next, ...apply(absent(state), operation)]
}

function absent(state: ItemState): ItemState {
  return { ...ABSENT, highest: state.highest }
}

function apply(state: ItemState, { command, outcome }: ItemOperation): readonly ItemState[] {
  switch (command.kind) {
    case 'flush':
      return [absent(state)]
    case 'expire':
      return [state.lifetime === 'soon' ? absent(state) : state]
    case 'read':
      return read(state, command.lifetime, outcome)
    case 'touch':
      return touch(state, command.lifetime, outcome)
    case 'remove':
      return remove(state, command.compare, outcome)
    case 'count':
      return count(state, command, outcome)
    case 'store':
      return store(state, command, outcome)
  }
}

function read(
  state: ItemState,
  lifetime: Lifetime | undefined,
  outcome: Outcome | null,
): ItemState[] {
  if (state.value === null) return outcome === null || outcome.word === 'missing' ? [state] : []
  const seen = outcome === null ? state : matches(state, outcome)
  if (seen === null) return []
  return [lifetime === undefined ? seen : live({ ...seen, lifetime })]
}

/** What a reply showed of the item agrees with the state, and may tell its CAS number. */
function matches(state: ItemState, outcome: Outcome): ItemState | null {
  if (outcome.word !== 'done') return null
  if (outcome.value !== undefined && outcome.value !== state.value) return null
  if (outcome.flags !== undefined && outcome.flags !== state.flags) return null
  if (outcome.cas === undefined || outcome.cas === state.cas) return state
  if (state.cas !== 0 || outcome.cas <= state.highest) return null
  return { ...state, cas: outcome.cas, highest: outcome.cas }
}

/** An item with a time in the past is none. */
function live(state: ItemState): ItemState {
  return state.lifetime === 'past' ? absent(state) : state
}

function touch(state: ItemState, lifetime: Lifetime, outcome: Outcome | null): ItemState[] {
  const word = state.value === null ? 'missing' : 'done'
  if (outcome !== null && outcome.word !== word) return []
  return [state.value === null ? state : live({ ...state, lifetime })]
}

function remove(
  state: ItemState,
  compare: number | undefined,
  outcome: Outcome | null,
): ItemState[] {
  if (state.value === null) return says(outcome, 'missing') ? [state] : []
  return compared(state, compare, outcome, () => (says(outcome, 'done') ? [absent(state)] : []))
}

function says(outcome: Outcome | null, word: Outcome['word']): boolean {
  return outcome === null || outcome.word === word
}

/** Of an item whose CAS number nobody has seen, both is possible: it is the one, or it is not. */
function compared(
  state: ItemState,
  compare: number | undefined,
  outcome: Outcome | null,
  change: () => ItemState[],
): ItemState[] {
  if (compare === undefined) return change()
  const known = state.cas !== 0
  const mayBeEqual = known ? state.cas === compare : compare > state.highest
  const mayDiffer = !known || state.cas !== compare
  return [
    ...(mayBeEqual ? change().map((next) => raised(next, compare)) : []),
    ...(mayDiffer && says(outcome, 'exists') ? [state] : []),
  ]
}

function raised(state: ItemState, cas: number): ItemState {
  return state.highest >= cas ? state : { ...state, highest: cas }
}

type Store = Extract<ItemCommand, { kind: 'store' }>

function store(state: ItemState, command: Store, outcome: Outcome | null): ItemState[] {
  const { mode, compare } = command
  if (outcome?.word === 'noMemory') return [state, absent(state)]
  const isExtension = mode === 'append' || mode === 'prepend'
  if (state.value === null) {
    if (compare !== undefined && !isExtension) return says(outcome, 'missing') ? [state] : []
    if (mode === 'set' || mode === 'add') return written(state, command, outcome)
    return says(outcome, 'refused') ? [state] : []
  }
  if (mode === 'add') return says(outcome, 'refused') ? [state] : []
  return compared(state, compare, outcome, () => written(state, command, outcome))
}

function written(state: ItemState, command: Store, outcome: Outcome | null): ItemState[] {
  const { mode, data, flags, lifetime } = command
  const before = state.value ?? ''
  if (mode === 'append') return changed({ ...state, value: before + data }, outcome)
  if (mode === 'prepend') return changed({ ...state, value: data + before }, outcome)
  return changed({ ...state, value: data, flags, lifetime }, outcome)
}

/** A change gives a CAS number that is new; the reply may tell it. */
function changed(state: ItemState, outcome: Outcome | null): ItemState[] {
  if (!says(outcome, 'done')) return []
  const cas = outcome?.cas ?? 0
  if (cas === 0) return [live({ ...state, cas })]
  return cas > state.highest ? [live({ ...state, cas, highest: cas })] : []
}

type Count = Extract<ItemCommand, { kind: 'count' }>

const NUMBER = /^[ \t\n\v\f\r]*(\d+)(?:[ \t\n\v\f\r]|$)/
const MODULUS = 1n << 64n

function count(state: ItemState, command: Count, outcome: Outcome | null): ItemState[] {
  const { initial, delta, compare } = command
  if (outcome?.word === 'noMemory') return [state]
  if (state.value === null) {
    if (initial === undefined) return says(outcome, 'missing') ? [state] : []
    const { value, lifetime } = initial
    return counted({ ...state, value: String(value), flags: 0, lifetime }, value, outcome)
  }
  if (state.value === '') return says(outcome, 'notNumber') ? [state] : []
  return compared(state, compare, outcome, () => {
    const digits = NUMBER.exec(state.value ?? '')?.[1]
    const before = BigInt(digits ?? -1)
    if (before < 0n || before >= MODULUS) return says(outcome, 'notNumber') ? [state] : []
    const sum = before + delta
    const result = delta < 0n ? (sum < 0n ? 0n : sum) : sum % MODULUS
    const value = String(result).padEnd(state.value?.length ?? 0)
    return counted({ ...state, value }, result, outcome)
  })
}

/** The reply has the number itself, without the spaces that keep the length. */
function counted(state: ItemState, result: bigint, outcome: Outcome | null): ItemState[] {
  if (outcome?.value !== undefined && outcome.value !== String(result)) return []
  return changed(state, outcome)
}
