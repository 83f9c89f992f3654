import assert from 'node:assert/strict'
import type { PermissionName } from '../../src/auth/permissions.ts'
import { Client } from '../support/client.ts'
import { Random } from '../support/seed.ts'
import { Server, SuiteScope } from '../support/server.ts'
import { logIn, usersFlags, writeUsers } from '../support/users.ts'

/**
 * Random commands of users with few rights, whole, damaged and in pieces, beside the keys of others.
 * Whatever they send, the keys outside of their prefixes keep their value, CAS and time, and nothing of
 * these values is ever sent to them; nor is what they may not read, nor changed what they may not write.
 */

const KEYS = 12
/** In each value that the owner stores, and in nothing that is sent by others. */
const OUTSIDE = 'OUTSIDE-SECRET'
const INSIDE = 'INSIDE-VALUE'
const COMMANDS_PER_BATCH = 40
const LARGE_VALUE_BYTES = 40_000

interface Limited {
  readonly name: string
  readonly permissions: readonly PermissionName[]
}

const USERS: readonly Limited[] = [
  { name: 'reader', permissions: ['read'] },
  { name: 'writer', permissions: ['write'] },
  { name: 'both', permissions: ['read', 'write'] },
  { name: 'most', permissions: ['read', 'write', 'stats', 'manage'] },
  { name: 'figures', permissions: ['stats'] },
]

export async function run(seed: number, events: number): Promise<void> {
  const random = new Random(seed)
  const scope = new SuiteScope()
  try {
    const path = writeUsers(scope, {
      users: [
        { name: 'root', password: 'root', commands: ['all'] },
        ...USERS.map(({ name, permissions }) => ({
          name,
          password: name,
          commands: permissions,
          prefixes: ['in:', 'also:'],
        })),
      ],
    })
    const raw = random.chance(0.5)
    const server = await Server.start(scope, {
      flags: ['-t', random.pick(['1', '4']), '-A'],
      environment: { ...usersFlags(path), MEMCKV_LISTEN_RAW_SOCKETS: String(raw) },
    })
    await exercise(random, server, events)
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
  } finally {
    await scope.close()
  }
}

async function exercise(random: Random, server: Server, events: number): Promise<void> {
  const root = await server.connect()
  await logIn(root, 'root')
  for (let sent = 0; sent < events; sent += COMMANDS_PER_BATCH) {
    const user = random.pick(USERS)
    await fill(root)
    const outside = await look(root, 'out:')
    const inside = await look(root, 'in:')
    const shown = await attack(random, server, user)
    const place = `${user.name}, batch at ${sent}`
    assert.equal(shown.includes(OUTSIDE), false, `${place}: shown a value of others`)
    assert.equal(await look(root, 'out:'), outside, `${place}: changed a key of others`)
    if (!user.permissions.includes('write')) {
      assert.equal(await look(root, 'in:'), inside, `${place}: wrote without being allowed to`)
    }
    if (!user.permissions.includes('read')) {
      assert.equal(shown.includes(INSIDE), false, `${place}: read without being allowed to`)
    }
  }
  root.close()
}

async function fill(root: Client): Promise<void> {
  for (let key = 0; key < KEYS; key++) {
    // Those inside are made anew, since what a writer may leave there changes by itself: a time that runs
    // down, and a stale item, of which any look takes the right to renew it, the owner's own included.
    for (const [word, prefix, text] of [
      ['add', 'out:', OUTSIDE],
      ['set', 'in:', INSIDE],
    ]) {
      const value = key % 3 === 0 ? `${text}${'x'.repeat(LARGE_VALUE_BYTES)}` : `${text} ${key}`
      root.send(`${word} ${prefix}${key} 7 0 ${value.length} noreply\r\n${value}\r\n`)
    }
  }
  root.send('mn\r\n')
  await root.expect('MN\r\n')
}

/** Value, CAS, flags and time of the keys of one prefix. Looking does not change what it looks at. */
async function look(root: Client, prefix: string): Promise<string> {
  for (let key = 0; key < KEYS; key++) root.send(`mg ${prefix}${key} v c f t s u\r\n`)
  root.send('mn\r\n')
  return (await root.readUntil('MN\r\n')).toString('latin1')
}

/** Returns all that was sent to the user. */
async function attack(random: Random, server: Server, { name }: Limited): Promise<string> {
  const client = await Client.connect(server.address)
  await logIn(client, name)
  let text = ''
  for (let count = 0; count < COMMANDS_PER_BATCH; count++) text += makeCommand(random)
  if (random.chance(0.4)) text = damage(random, text)
  const bytes = Buffer.from(text, 'latin1')
  for (let at = 0; at < bytes.length && !client.closed; ) {
    const next = at + random.between(1, random.chance(0.5) ? 200 : 60_000)
    client.send(bytes.subarray(at, next))
    if (random.chance(0.3)) await new Promise((resolve) => setImmediate(resolve))
    at = next
  }
  // Ends a value that was announced longer than it is, and makes the server say all it has to say.
  client.socket.end()
  await client.readWhile(() => true)
  return client.takeAll()
}

function makeCommand(random: Random): string {
  const key = makeKey(random)
  const word = (): string => random.pick(STORAGE)
  switch (random.below(12)) {
    case 0:
    case 1: {
      const keys = Array.from({ length: random.between(1, 6) }, () => makeKey(random))
      return `${random.pick(['get', 'gets', 'gat 0', 'gats 9', 'get '])} ${keys.join(' ')}\r\n`
    }
    case 2:
    case 3: {
      const value = makeValue(random)
      const noreply = random.pick(['', '', ' noreply'])
      const cas = random.pick(['', '', ' 1'])
      return `${word()} ${key} 0 0 ${value.length}${cas}${noreply}\r\n${value}\r\n`
    }
    case 4: {
      const value = makeValue(random)
      return `ms ${metaKey(random, key)[0]} ${value.length}${metaKey(random, key)[1]}${flags(random, ['MA', 'MP', 'MR', 'ME', 'I', 'C1', 'q', 'T9', 'k', 'E77'])}\r\n${value}\r\n`
    }
    case 5:
    case 6: {
      const [name, base64] = metaKey(random, key)
      return `${random.pick(['mg', 'md', 'ma', 'me'])} ${name}${base64}${flags(random, ['v', 'k', 't', 'T30', 'N30', 'R30', 'x', 'I', 'q', 'D5', 'J1', 'E9', 'c'])}\r\n`
    }
    case 7:
      return `${random.pick(['delete', 'incr', 'decr', 'touch'])} ${key} ${random.pick(['0', '1', '99'])}${random.pick(['', ' noreply'])}\r\n`
    case 8:
      return `${random.pick(ADMIN)}\r\n`
    case 9: {
      // More than an item may have: what is refused for that removes the old item.
      const size = 1_100_000
      return random.chance(0.1) ? `set ${key} 0 0 ${size}\r\n${'z'.repeat(size)}\r\n` : 'mn\r\n'
    }
    case 10:
      return `set ${key} 0 0 5\r\ntoo long for it\r\n`
    default:
      return `${random.pick(['version', 'mn', 'nonsense', ''])}\r\n`
  }
}

const STORAGE = ['set', 'add', 'replace', 'append', 'prepend', 'cas'] as const
const ADMIN = [
  'flush_all',
  ' flush_all 0 noreply',
  'stats cachedump 1 0',
  'stats detail dump',
  'stats items',
  'stats reset',
  'lru_crawler metadump all',
  'lru_crawler mgdump all',
  'watch fetchers mutations',
  'shutdown',
  'shutdown graceful',
  'stats conns',
] as const

function makeKey(random: Random): string {
  const prefix = random.pick(['in:', 'out:', 'out:', 'also:', 'i', 'in', 'n:', ''])
  return `${prefix}${random.below(KEYS)}`
}

/** A key and, in base64, the flag that says so. */
function metaKey(random: Random, key: string): [name: string, flag: string] {
  return random.chance(0.3) ? [Buffer.from(key).toString('base64'), ' b'] : [key, '']
}

function flags(random: Random, letters: readonly string[]): string {
  const chosen = new Set(Array.from({ length: random.below(4) }, () => random.pick(letters)))
  return [...chosen].map((flag) => ` ${flag}`).join('')
}

/** Often one that would be a command if it were taken for a line. */
function makeValue(random: Random): string {
  if (random.chance(0.1)) return 'y'.repeat(LARGE_VALUE_BYTES)
  if (random.chance(0.6)) return `\r\nset out:${random.below(KEYS)} 0 0 1\r\nq\r\nflush_all\r\n`
  return 'v'.repeat(random.below(20))
}

/** Some bytes replaced, left out or doubled. */
function damage(random: Random, text: string): string {
  let damaged = text
  for (let count = random.between(1, 6); count > 0; count--) {
    const at = random.below(damaged.length)
    const byte = random.pick(['', ' ', '\r', '\n', '0', '9', 'k', '\0', damaged[at] ?? ''])
    const kept = random.chance(0.5) ? at : at + 1
    damaged = damaged.slice(0, at) + byte + damaged.slice(kept)
  }
  return damaged
}
