import type { Item, Reply, Step, World } from './server-model.ts'
import { ANY } from './server-model.ts'
import type { Value } from './server-values.ts'
import { ITEM_BYTES_MAX, isValue, itemBytes, valueLength, valueText } from './server-values.ts'

/** What each command does to an item: memcached's rules, as the model has them. */

/** The server counts whole seconds and looks at the clock ten times in each; busy machines are late. */
const EARLY_MILLISECONDS = 1200
const LATE_MILLISECONDS = 4000

export const NO_MEMORY = 'SERVER_ERROR out of memory storing object'
export const TOO_LARGE = 'SERVER_ERROR object too large for cache'
export const BAD_CHUNK = 'CLIENT_ERROR bad data chunk'
const NON_NUMERIC = 'CLIENT_ERROR cannot increment or decrement non-numeric value'

/** No item ever has this CAS. */
export const HOPELESS_CAS = 2n ** 64n - 1n

/** A command that has been sent: what every item it makes has in common. */
export interface Sent {
  readonly at: number
  readonly milliseconds: number
  /** Large values may be refused, since others under way and values being read may hold all memory. */
  readonly mayRefuse: boolean
  /** Collects the items made, for when the command is known to have been carried out. */
  readonly made: Item[]
}

function make(sent: Sent, item: Omit<Item, 'diesBy' | 'sentAt' | 'answeredAt'>): Item {
  const unknown = Number.POSITIVE_INFINITY
  const made = { ...item, diesBy: unknown, sentAt: sent.at, answeredAt: unknown }
  sent.made.push(made)
  return made
}

interface Lifetime {
  readonly diesFrom: number
  readonly lateness: number
}

function lifetime(sent: Sent, seconds: number): Lifetime {
  const never = Number.POSITIVE_INFINITY
  if (seconds === 0) return { diesFrom: never, lateness: never }
  return {
    diesFrom: sent.milliseconds + seconds * 1000 - EARLY_MILLISECONDS,
    lateness: seconds * 1000 + LATE_MILLISECONDS,
  }
}

function casBefore(world: World): bigint {
  return world === null ? 0n : (world.cas ?? world.casAbove)
}

function makeNew(sent: Sent, before: World, what: Stored): World {
  if (what.seconds < 0) return null
  const { value, flags, seconds } = what
  const life = lifetime(sent, seconds)
  return make(sent, { value, flags, cas: null, casAbove: casBefore(before), ...life })
}

function changed(sent: Sent, item: Item, value: Value): Item {
  return make(sent, { ...item, value, cas: null, casAbove: casBefore(item) })
}

function retimed(sent: Sent, item: Item, seconds: number): World {
  return seconds < 0 ? null : make(sent, { ...item, ...lifetime(sent, seconds) })
}

/** The item, now that its CAS has been seen; null if it cannot have this one. */
function withCas(sent: Sent, item: Item, cas: bigint): Item | null {
  if (item.cas !== null) return item.cas === cas ? item : null
  return cas > item.casAbove ? make(sent, { ...item, cas }) : null
}

/** What a storage command brings. */
export interface Stored {
  readonly value: Value
  readonly flags: number
  readonly seconds: number
}

/** A rule: what is answered in a world, and which world follows. More than one: either may be. */
export type Rule = (world: World) => (readonly [reply: string, next: World])[]

/** The replies of the classic commands are whole lines. */
export function byLine(rule: Rule): Step {
  return (world, answer) =>
    rule(world)
      .filter(([reply]) => answer === ANY || answer.line === reply)
      .map(([, next]) => next)
}

export type StoreWord = 'set' | 'add' | 'replace' | 'append' | 'prepend' | 'cas'

export interface Storing extends Stored {
  readonly word: StoreWord
  readonly keyLength: number
  /** ms, which removes the item in every mode when the value is too large. */
  readonly isMeta: boolean
  /** For cas. */
  readonly unique: bigint
}

export function storeRule(sent: Sent, what: Storing): Rule {
  const { word, value, flags, keyLength } = what
  const length = valueLength(value)
  if (itemBytes(keyLength, length, flags) > ITEM_BYTES_MAX) {
    return (world) => [[TOO_LARGE, word === 'set' || what.isMeta ? null : world]]
  }
  const rule = fittingRule(sent, what)
  if (!sent.mayRefuse) return rule
  // A refused set takes the old item with it.
  return (world) => [...rule(world), [NO_MEMORY, null], [NO_MEMORY, world]]
}

function fittingRule(sent: Sent, what: Storing): Rule {
  const store = (world: World): World => makeNew(sent, world, what)
  switch (what.word) {
    case 'set':
      return (world) => [['STORED', store(world)]]
    case 'add':
      return (world) => [world === null ? ['STORED', store(null)] : ['NOT_STORED', world]]
    case 'replace':
      return (world) => [world === null ? ['NOT_STORED', null] : ['STORED', store(world)]]
    case 'cas':
      return (world) => {
        if (world === null) return [['NOT_FOUND', null]]
        const same = mayHaveCas(world, what.unique)
        const stored = ['STORED', store(world)] as const
        const exists = ['EXISTS', world] as const
        return same === 'maybe' ? [stored, exists] : [same === 'yes' ? stored : exists]
      }
    default:
      return (world) => {
        if (world === null) return [['NOT_STORED', null]]
        const joined = join(world, what)
        if (itemBytes(what.keyLength, valueLength(joined), world.flags) > ITEM_BYTES_MAX) {
          return [['NOT_STORED', world]]
        }
        return [['STORED', changed(sent, world, joined)]]
      }
  }
}

function join(item: Item, what: Storing): Value {
  return what.word === 'append' ? [...item.value, ...what.value] : [...what.value, ...item.value]
}

function mayHaveCas(item: Item, unique: bigint): 'yes' | 'no' | 'maybe' {
  if (item.cas !== null) return item.cas === unique ? 'yes' : 'no'
  return unique <= item.casAbove || unique === HOPELESS_CAS ? 'no' : 'maybe'
}

export function touchRule(sent: Sent, seconds: number): Rule {
  return (world) => [
    world === null ? ['NOT_FOUND', null] : ['TOUCHED', retimed(sent, world, seconds)],
  ]
}

export const deleteRule: Rule = (world) => [[world === null ? 'NOT_FOUND' : 'DELETED', null]]

/** The command is refused and changes nothing. */
export function refusedRule(line: string): Rule {
  return (world) => [[line, world]]
}

export function arithmeticRule(sent: Sent, word: 'incr' | 'decr', delta: bigint): Rule {
  return (world) => {
    if (world === null) return [['NOT_FOUND', null]]
    const result = addTo(world, word === 'incr' ? delta : -delta)
    if (result === null) return [[NON_NUMERIC, world]]
    const text = result.padEnd(valueLength(world.value))
    return [[result, changed(sent, world, [Buffer.from(text, 'latin1')])]]
  }
}

/** The sum as memcached makes it: up it wraps, down it stops. Null: not a number. */
function addTo(item: Item, delta: bigint): string | null {
  if (valueLength(item.value) > 8191) return null
  const found = /^\s*(\d+)(\s|$)/.exec(valueText(item.value))
  const number = found?.[1] === undefined ? null : BigInt(found[1])
  if (number === null || number >= 2n ** 64n) return null
  const sum = number + delta
  return String(sum < 0n ? 0n : sum % 2n ** 64n)
}

/** One key of get, gets, gat or gats; no data: a miss. */
export function getStep(sent: Sent, touchSeconds: number | null): Step {
  const touched = (item: Item): World =>
    touchSeconds === null ? item : retimed(sent, item, touchSeconds)
  return (world, answer) => {
    if (answer === ANY) return [world === null ? null : touched(world)]
    if (world === null) return answer.data === null ? [null] : []
    const seen = seenByGet(sent, answer, world)
    return seen === null ? [] : [touched(seen)]
  }
}

function seenByGet(sent: Sent, answer: Reply, item: Item): Item | null {
  const { data, line } = answer
  if (data === null || !isValue(data, item.value)) return null
  const [, , flags, length, cas] = line.split(' ')
  if (Number(flags) !== item.flags || Number(length) !== data.length) return null
  return cas === undefined ? item : withCas(sent, item, BigInt(cas))
}

export interface MetaSent extends Sent {
  readonly key: string
  /** With its O; '' none. */
  readonly opaque: string
}

/** mg; answers EN, HD or VA, or nothing for a miss with q. */
export function metaGetStep(sent: MetaSent, quiet: boolean, touchSeconds: number | null): Step {
  const touched = (item: Item): World =>
    touchSeconds === null ? item : retimed(sent, item, touchSeconds)
  return (world, answer) => {
    if (answer === ANY) return [world === null ? null : touched(world)]
    if (world !== null) {
      const seen = seenByMetaGet(sent, answer, world)
      return seen === null ? [] : [touched(seen)]
    }
    const word = wordOf(answer)
    const isMiss = word === 'EN' || (quiet && word === '')
    return isMiss && echoes(sent, answer) ? [null] : []
  }
}

function seenByMetaGet(sent: MetaSent, answer: Reply, item: Item): Item | null {
  const word = wordOf(answer)
  if (word === 'VA') {
    if (answer.data === null || !isValue(answer.data, item.value)) return null
  } else if (word !== 'HD') {
    return null
  }
  return withFlags(sent, answer, item)
}

const META_WORDS: Readonly<Record<string, string>> = {
  STORED: 'HD',
  DELETED: 'HD',
  NOT_STORED: 'NS',
  NOT_FOUND: 'NF',
  EXISTS: 'EX',
}

/** ms, md and ma answer as the classic commands, in two letters. */
export function byWord(sent: MetaSent, quiet: boolean, rule: Rule): Step {
  return (world, answer) => {
    const worlds: World[] = []
    for (const [reply, next] of rule(world)) {
      if (answer === ANY) worlds.push(next)
      else worlds.push(...metaWorlds(sent, answer, { world, next, reply, quiet }))
    }
    return worlds
  }
}

interface Outcome {
  readonly world: World
  readonly next: World
  readonly reply: string
  readonly quiet: boolean
}

/** The world that follows if the answer is this outcome's, as a list of one or none. */
function metaWorlds(sent: MetaSent, answer: Reply, outcome: Outcome): World[] {
  const { world, next, quiet } = outcome
  const expected = META_WORDS[outcome.reply] ?? outcome.reply
  if (expected.includes('_ERROR')) return answer.line === expected ? [next] : []
  const isNumber = /^\d/.test(expected)
  const word = wordOf(answer)
  // q hides what is no news.
  if (word === '') return quiet && (expected === 'HD' || isNumber) ? [next] : []
  if (word !== (isNumber ? 'VA' : expected) || !echoes(sent, answer)) return []
  if (isNumber && answer.data?.toString('latin1') !== expected) return []
  if (next === null || next === world) return [next]
  const seen = withFlags(sent, answer, next)
  return seen === null ? [] : [seen]
}

function wordOf(answer: Reply): string {
  return answer.line.split(' ')[0] ?? ''
}

function flagsOf(answer: Reply): string[] {
  return answer.line.split(' ').slice(wordOf(answer) === 'VA' ? 2 : 1)
}

/** O and k come back as they were sent. */
function echoes(sent: MetaSent, answer: Reply): boolean {
  return flagsOf(answer).every((flag) => {
    if (flag.startsWith('O')) return flag === sent.opaque
    return !flag.startsWith('k') || flag === `k${sent.key}`
  })
}

/** The item, if everything the flags say of it is true. */
function withFlags(sent: MetaSent, answer: Reply, item: Item): Item | null {
  let seen: Item | null = item
  if (!echoes(sent, answer)) return null
  for (const flag of flagsOf(answer)) {
    const text = flag.slice(1)
    switch (flag[0]) {
      case 'f':
        if (Number(text) !== item.flags) return null
        break
      case 's':
        if (Number(text) !== valueLength(item.value)) return null
        break
      case 't':
        if ((text === '-1') !== (item.diesFrom === Number.POSITIVE_INFINITY)) return null
        break
      case 'c':
        seen = seen === null ? null : withCas(sent, seen, BigInt(text))
        break
      case 'W':
      case 'X':
      case 'Z':
        // Nobody makes an item stale here.
        return null
    }
  }
  return seen
}
