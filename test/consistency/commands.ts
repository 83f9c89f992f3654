import type { Client } from '../support/client.ts'
import type { Random } from '../support/seed.ts'
import type { ItemCommand, Lifetime, Outcome, StoreMode } from './item-model.ts'
import { decodeValue, encodeValue, largePart } from './values.ts'

/** One command on the wire, what it means for each of its keys, and how its reply is read. */
export interface WireCommand {
  readonly bytes: Buffer
  readonly effects: readonly Effect[]
  /** Outcomes in the order of the effects; null where the command is silent. */
  readonly readReply: ((client: Client) => Promise<readonly Outcome[]>) | null
}

export interface Effect {
  /** Null: all keys. */
  readonly key: string | null
  readonly command: ItemCommand
}

/** What a client knows when it chooses a command. */
export interface Chooser {
  readonly random: Random
  readonly keys: readonly string[]
  /** CAS numbers it was shown, by key. */
  readonly casSeen: ReadonlyMap<string, number>
  /** No command whose reply keeps the CAS number to itself, but a delete. */
  readonly onlyTelling: boolean
  /** A number that no other value has. */
  nextId(): number
}

/** Keys named so hold numbers; keys named `large…` hold values of many pages. */
export const NUMBER_KEY = 'number'
export const LARGE_KEY = 'large'

const EXPTIME: Readonly<Record<Lifetime, number>> = { never: 0, far: 100_000, soon: 100, past: -1 }

/** By how much the clock moves when what is `soon` shall be over. */
export const SOON_SECONDS = 200

const LARGE_BYTES_MAX = 300_000

type Maker = (chooser: Chooser, key: string) => WireCommand

const MAKERS: readonly (readonly [number, Maker])[] = [
  [10, classicStore],
  [10, metaStore],
  [8, classicGet],
  [12, metaGet],
  [4, classicRemove],
  [2, metaRemove],
  [6, classicCount],
  [5, metaCount],
  [3, touch],
  [3, getAndTouch],
]

/** Commands whose replies tell the CAS number: even when hundreds overlap, their order can be found. */
const TELLING_MAKERS: readonly (readonly [number, Maker])[] = [
  [8, metaStore],
  [6, metaGet],
  [3, metaCount],
  [2, classicRemove],
]

export function makeCommand(chooser: Chooser): WireCommand {
  const { random } = chooser
  const key = random.pick(chooser.keys)
  const counts = key.startsWith(NUMBER_KEY) || random.chance(0.1)
  const makers = (chooser.onlyTelling ? TELLING_MAKERS : MAKERS).filter(
    ([, make]) => counts || (make !== classicCount && make !== metaCount),
  )
  let roll = random.below(makers.reduce((sum, [weight]) => sum + weight, 0))
  for (const [weight, make] of makers) {
    roll -= weight
    if (roll < 0) return make(chooser, key)
  }
  throw new Error('weights do not add up')
}

export function flushCommand(random: Random): WireCommand {
  const silent = random.chance(0.3)
  return {
    bytes: Buffer.from(`flush_all${silent ? ' noreply' : ''}\r\n`),
    effects: [{ key: null, command: { kind: 'flush' } }],
    readReply: silent ? null : wordReply({ OK: 'done' }),
  }
}

/** Answered when all before it has been done. */
export function syncCommand(): WireCommand {
  return {
    bytes: Buffer.from('mn\r\n'),
    effects: [],
    readReply: async (client) => {
      await client.expect('MN\r\n')
      return []
    },
  }
}

type Words = Readonly<Record<string, Outcome['word']>>

const STORE_WORDS: Words = {
  STORED: 'done',
  NOT_STORED: 'refused',
  EXISTS: 'exists',
  NOT_FOUND: 'missing',
  'SERVER_ERROR out of memory storing object': 'noMemory',
}

function wordReply(words: Words): NonNullable<WireCommand['readReply']> {
  return async (client) => {
    const line = await client.readLine()
    const word = words[line]
    if (word === undefined) throw new Error(`unexpected reply: ${line.slice(0, 200)}`)
    return [{ word }]
  }
}

function lifetimeOf(random: Random): Lifetime {
  return random.pick(['never', 'never', 'never', 'far', 'far', 'soon', 'soon', 'past'])
}

function valueFor(chooser: Chooser, key: string, mode: StoreMode): string {
  const { random } = chooser
  if (key.startsWith(NUMBER_KEY) && random.chance(0.9)) {
    if (mode === 'append' || mode === 'prepend') return String(random.below(10))
    return random.chance(0.05) ? '18446744073709551610' : String(random.below(200))
  }
  const id = chooser.nextId()
  if (!key.startsWith(LARGE_KEY) || random.chance(0.2)) return `v${id};`
  const isEdge = random.chance(0.4)
  const length = isEdge
    ? random.pick([8192, 65536, 131072]) - random.below(200)
    : random.below(LARGE_BYTES_MAX)
  return `${largePart(id, length)};`
}

function block(line: string, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${line}\r\n`), value, Buffer.from('\r\n')])
}

/** Append and prepend make values longer for ever; so large ones are rare. */
function modeFor(random: Random, key: string): StoreMode {
  if (key.startsWith(LARGE_KEY)) {
    return random.pick(['set', 'set', 'set', 'set', 'set', 'add', 'replace', 'append', 'prepend'])
  }
  return random.pick(['set', 'set', 'set', 'add', 'add', 'replace', 'append', 'prepend'])
}

function compareFor(
  chooser: Chooser,
  key: string,
  mode: StoreMode,
  chance: number,
): number | undefined {
  if (mode === 'add' || !chooser.random.chance(chance)) return undefined
  return chooser.casSeen.get(key)
}

function classicStore(chooser: Chooser, key: string): WireCommand {
  const { random } = chooser
  const mode = modeFor(random, key)
  const compare = mode === 'set' ? compareFor(chooser, key, mode, 0.5) : undefined
  const data = valueFor(chooser, key, mode)
  const value = encodeValue(data)
  const [flags, lifetime] = [random.below(1000), lifetimeOf(random)]
  const silent = random.chance(0.25)
  const word = compare === undefined ? mode : 'cas'
  const tail = `${compare === undefined ? '' : ` ${compare}`}${silent ? ' noreply' : ''}`
  return {
    bytes: block(`${word} ${key} ${flags} ${EXPTIME[lifetime]} ${value.length}${tail}`, value),
    effects: [
      { key, command: { kind: 'store', mode, data, flags, lifetime, ...comparing(compare) } },
    ],
    readReply: silent ? null : wordReply(STORE_WORDS),
  }
}

function comparing(compare: number | undefined): { compare?: number } {
  return compare === undefined ? {} : { compare }
}

const META_MODE: Readonly<Record<StoreMode, string>> = {
  set: 'S',
  add: 'E',
  replace: 'R',
  append: 'A',
  prepend: 'P',
}

function metaStore(chooser: Chooser, key: string): WireCommand {
  const { random } = chooser
  const mode = modeFor(random, key)
  const compare = compareFor(chooser, key, mode, 0.3)
  const data = valueFor(chooser, key, mode)
  const value = encodeValue(data)
  const [flags, lifetime] = [random.below(1000), lifetimeOf(random)]
  const tokens = [`M${META_MODE[mode]}`, 'c', `F${flags}`, `T${EXPTIME[lifetime]}`]
  if (compare !== undefined) tokens.push(`C${compare}`)
  return {
    bytes: block(`ms ${key} ${value.length} ${tokens.join(' ')}`, value),
    effects: [
      { key, command: { kind: 'store', mode, data, flags, lifetime, ...comparing(compare) } },
    ],
    readReply: metaReply({ NS: 'refused', NF: 'missing', EX: 'exists' }),
  }
}

/** HD or VA with what its flags say, or one of these words. */
function metaReply(words: Words): NonNullable<WireCommand['readReply']> {
  return async (client) => {
    const line = await client.readLine()
    const [code = '', ...rest] = line.split(' ')
    if (code === 'HD') return [{ word: 'done', ...shownBy(rest) }]
    if (code === 'VA') {
      const data = await client.readBytes(Number(rest[0]) + 2)
      return [{ word: 'done', ...shownBy(rest.slice(1)), value: decodeValue(data.subarray(0, -2)) }]
    }
    const word = words[code] ?? META_ERRORS[line]
    if (word === undefined) throw new Error(`unexpected reply: ${line.slice(0, 200)}`)
    return [{ word }]
  }
}

const META_ERRORS: Words = {
  'SERVER_ERROR out of memory storing object': 'noMemory',
  'SERVER_ERROR out of memory': 'noMemory',
  'CLIENT_ERROR cannot increment or decrement non-numeric value': 'notNumber',
}

function shownBy(tokens: readonly string[]): { flags?: number; cas?: number } {
  const shown: { flags?: number; cas?: number } = {}
  for (const token of tokens) {
    if (token.startsWith('f')) shown.flags = Number(token.slice(1))
    if (token.startsWith('c')) shown.cas = Number(token.slice(1))
  }
  return shown
}

/** No key twice: of one value found it could not be told which of the two it answers. */
function keysFor(chooser: Chooser, key: string): string[] {
  const { random, keys } = chooser
  if (!random.chance(0.3)) return [key]
  return [key, ...keys.filter((other) => other !== key && random.chance(0.5))]
}

function classicGet(chooser: Chooser, key: string): WireCommand {
  return manyReads(chooser.random.pick(['get', 'gets']), keysFor(chooser, key))
}

function getAndTouch(chooser: Chooser, key: string): WireCommand {
  const lifetime = lifetimeOf(chooser.random)
  const word = chooser.random.pick(['gat', 'gats'])
  return manyReads(`${word} ${EXPTIME[lifetime]}`, keysFor(chooser, key), lifetime)
}

function manyReads(words: string, keys: readonly string[], lifetime?: Lifetime): WireCommand {
  const command: ItemCommand =
    lifetime === undefined ? { kind: 'read' } : { kind: 'read', lifetime }
  return {
    bytes: Buffer.from(`${words} ${keys.join(' ')}\r\n`),
    effects: keys.map((key) => ({ key, command })),
    readReply: (client) => readValues(client, keys),
  }
}

/** What was found comes in the order that was asked for; what is left out was missing. */
async function readValues(client: Client, keys: readonly string[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (;;) {
    const line = await client.readLine()
    if (line === 'END') break
    const [word, key, flags, length, cas] = line.split(' ')
    if (word !== 'VALUE') throw new Error(`unexpected reply: ${line.slice(0, 200)}`)
    while (outcomes.length < keys.length && keys[outcomes.length] !== key) {
      outcomes.push({ word: 'missing' })
    }
    const data = await client.readBytes(Number(length) + 2)
    const shown = cas === undefined ? {} : { cas: Number(cas) }
    const value = decodeValue(data.subarray(0, -2))
    outcomes.push({ word: 'done', value, flags: Number(flags), ...shown })
  }
  if (outcomes.length > keys.length) throw new Error('values that nobody asked for')
  while (outcomes.length < keys.length) outcomes.push({ word: 'missing' })
  return outcomes
}

function metaGet(chooser: Chooser, key: string): WireCommand {
  const { random, onlyTelling } = chooser
  const lifetime = random.chance(onlyTelling ? 0.05 : 0.2) ? lifetimeOf(random) : undefined
  const tokens = random.chance(0.85) ? ['v', 'f', 'c'] : ['c']
  if (lifetime !== undefined) tokens.push(`T${EXPTIME[lifetime]}`)
  const command: ItemCommand =
    lifetime === undefined ? { kind: 'read' } : { kind: 'read', lifetime }
  return {
    bytes: Buffer.from(`mg ${key} ${tokens.join(' ')}\r\n`),
    effects: [{ key, command }],
    readReply: metaReply({ EN: 'missing' }),
  }
}

function classicRemove({ random }: Chooser, key: string): WireCommand {
  const silent = random.chance(0.3)
  return {
    bytes: Buffer.from(`delete ${key}${silent ? ' noreply' : ''}\r\n`),
    effects: [{ key, command: { kind: 'remove' } }],
    readReply: silent ? null : wordReply({ DELETED: 'done', NOT_FOUND: 'missing' }),
  }
}

function metaRemove(chooser: Chooser, key: string): WireCommand {
  const compare = chooser.casSeen.get(key)
  const tokens = compare === undefined ? '' : ` C${compare}`
  return {
    bytes: Buffer.from(`md ${key}${tokens}\r\n`),
    effects: [{ key, command: { kind: 'remove', ...comparing(compare) } }],
    readReply: metaReply({ NF: 'missing', EX: 'exists' }),
  }
}

const COUNT_WORDS: Words = {
  NOT_FOUND: 'missing',
  'SERVER_ERROR out of memory': 'noMemory',
  'CLIENT_ERROR cannot increment or decrement non-numeric value': 'notNumber',
}

function classicCount({ random }: Chooser, key: string): WireCommand {
  const delta = BigInt(1 + random.below(30))
  const increments = random.chance(0.6)
  const silent = random.chance(0.25)
  const words = wordReply(COUNT_WORDS)
  return {
    bytes: Buffer.from(
      `${increments ? 'incr' : 'decr'} ${key} ${delta}${silent ? ' noreply' : ''}\r\n`,
    ),
    effects: [{ key, command: { kind: 'count', delta: increments ? delta : -delta } }],
    readReply: silent
      ? null
      : async (client) => {
          await client.readWhile((received) => received.length === 0)
          const first = client.pending[0] ?? 0
          if (first < 48 || first > 57) return words(client)
          return [{ word: 'done', value: await client.readLine() }]
        },
  }
}

function metaCount(chooser: Chooser, key: string): WireCommand {
  const { random } = chooser
  const delta = BigInt(1 + random.below(30))
  const increments = random.chance(0.6)
  const tokens = [increments ? 'MI' : 'MD', `D${delta}`, 'v', 'c']
  const compare = random.chance(0.2) ? chooser.casSeen.get(key) : undefined
  if (compare !== undefined) tokens.push(`C${compare}`)
  const begins = random.chance(0.4)
  const initial: { value: bigint; lifetime: Lifetime } = {
    value: BigInt(random.below(100)),
    lifetime: random.pick(['never', 'soon']),
  }
  if (begins) tokens.push(`N${EXPTIME[initial.lifetime]}`, `J${initial.value}`)
  const command: ItemCommand = {
    kind: 'count',
    delta: increments ? delta : -delta,
    ...comparing(compare),
    ...(begins ? { initial } : {}),
  }
  return {
    bytes: Buffer.from(`ma ${key} ${tokens.join(' ')}\r\n`),
    effects: [{ key, command }],
    readReply: metaReply({ NF: 'missing', EX: 'exists' }),
  }
}

function touch({ random }: Chooser, key: string): WireCommand {
  const lifetime = lifetimeOf(random)
  const silent = random.chance(0.2)
  return {
    bytes: Buffer.from(`touch ${key} ${EXPTIME[lifetime]}${silent ? ' noreply' : ''}\r\n`),
    effects: [{ key, command: { kind: 'touch', lifetime } }],
    readReply: silent ? null : wordReply({ TOUCHED: 'done', NOT_FOUND: 'missing' }),
  }
}
