import assert from 'node:assert/strict'
import type { Address } from '../../support/client.ts'
import { Client } from '../../support/client.ts'
import { pause } from '../../support/deadline.ts'
import type { Server } from '../../support/server.ts'

/** What a load did, as its replies say. */
export class Tally {
  readonly #counts = new Map<string, number>()

  add(what: string, count = 1): void {
    this.#counts.set(what, this.of(what) + count)
  }

  of(what: string): number {
    return this.#counts.get(what) ?? 0
  }
}

export interface HealthyLoad {
  readonly tally: Tally
  /** The traces that the client asked to be kept. */
  readonly traceIds: readonly string[]
}

/** What a line of a reply says about the classic command of the batch that it answers. */
const OUTCOMES: Readonly<Record<string, string>> = {
  STORED: 'hit',
  DELETED: 'hit',
  TOUCHED: 'hit',
  NOT_FOUND: 'miss',
  EXISTS: 'badval',
}

const LARGE_BYTES = 4096
const ROUNDS = 300
/** More values of LARGE_BYTES than the memory of the troubled server has room for. */
const FILLING = 4500
const HOT_KEYS = 60

/**
 * What a cache in good health sees: more is stored than fits, nearly all gets hit, and of every command
 * there is some, with each outcome.
 */
export async function healthyLoad(server: Server): Promise<HealthyLoad> {
  const client = await server.connect()
  const tally = new Tally()
  await storeMoreThanFits(client, tally)
  await everyOutcome(client, tally)
  const traceIds = await traced(client, tally)
  await letExpire(client, tally)
  client.close()
  return { tally, traceIds }
}

async function storeMoreThanFits(client: Client, tally: Tally): Promise<void> {
  const hot = Array.from({ length: HOT_KEYS }, (_, index) => `hot:${index}`)
  await batch(
    client,
    tally,
    'set',
    hot.map((key) => stored(key, 100)),
  )
  const gets = hot.map((key) => `get ${key}\r\n`)
  for (let round = 0; round < ROUNDS; round++) {
    const keys = Array.from({ length: 20 }, (_, index) => `cold:${round}:${index}`)
    await batch(
      client,
      tally,
      'set',
      keys.map((key) => stored(key, LARGE_BYTES)),
    )
    // A quarter is read once, as it would be.
    await gotten(client, tally, [...gets, ...keys.slice(0, 5).map((key) => `get ${key}\r\n`)])
  }
  // More in one read than a turn has room for, so that the connection gives way.
  await gotten(client, tally, Array.from({ length: 20 }, () => gets).flat())
}

async function everyOutcome(client: Client, tally: Tally): Promise<void> {
  const nothing = Array.from({ length: 400 }, (_, index) => `get nothing:${index}\r\n`)
  await gotten(client, tally, nothing)
  await batch(client, tally, 'set', ['set number 0 0 2\r\n10\r\n', stored('gone', 10)])
  await batch(client, tally, 'incr', ['incr number 1\r\n', 'incr number 1\r\n', 'incr no 1\r\n'])
  await batch(client, tally, 'decr', ['decr number 1\r\n', 'decr no 1\r\n', 'decr no 1\r\n'])
  await batch(client, tally, 'touch', ['touch number 900\r\n', 'touch no 900\r\n'])
  await batch(client, tally, 'delete', ['delete gone\r\n', 'delete gone\r\n', 'delete no\r\n'])
  client.send('gets number\r\n')
  const reply = String(await client.readUntil('END\r\n'))
  tally.add('get hit')
  const unique = /^VALUE number \d+ \d+ (\d+)/.exec(reply)?.[1]
  assert.ok(unique !== undefined, reply)
  const swap = (key: string, expected: string): string => `cas ${key} 0 0 1 ${expected}\r\n7\r\n`
  await batch(client, tally, 'cas', [
    swap('number', unique),
    swap('number', unique),
    swap('number', unique),
    swap('no', '1'),
  ])
}

const TRACES = 24

/** Meta commands, half of them in a trace that is kept. */
async function traced(client: Client, tally: Tally): Promise<string[]> {
  const ids: string[] = []
  for (let index = 0; index < TRACES; index++) {
    const id = `4bf92f3577b34da6a3ce929d0e0e${(index + 1).toString(16).padStart(4, '0')}`
    const flags = index % 2 === 0 ? '01' : '00'
    if (flags === '01') ids.push(id)
    client.send(`mg hot:1 v L00-${id}-00f067aa0ba902b7-${flags}\r\n`)
    const reply = String(await client.readUntil('\r\n'))
    assert.match(reply, /^VA /)
    await client.readUntil('\r\n')
    tally.add('get hit')
    tally.add('meta')
    tally.add('spans sampled', flags === '01' ? 1 : 0)
  }
  return ids
}

/** Some are asked for after their time, the rest is left to the sweep. */
async function letExpire(client: Client, tally: Tally): Promise<void> {
  const keys = Array.from({ length: 100 }, (_, index) => `brief:${index}`)
  await batch(
    client,
    tally,
    'set',
    keys.map((key) => stored(key, 10, 1)),
  )
  // Not idle meanwhile, or the server would close the connection.
  for (let part = 0; part < 5; part++) {
    await pause(500)
    await gotten(client, tally, [])
  }
  await gotten(
    client,
    tally,
    keys.slice(0, 50).map((key) => `get ${key}\r\n`),
  )
}

const USER = 'somebody'
const PASSWORD = 'secret'
export const AUTH_FILE = `${USER}:${PASSWORD}\n`
/** The settings that troubledLoad needs: 5 connections, items up to 64 KiB, no eviction, long turns. */
export const TROUBLED_FLAGS = ['-m', '16', '-t', '1', '-c', '5', '-I', '64k', '-M', '-R', '1000000']
export const TROUBLED_CONNECTIONS = 5

/** Everything that goes wrong: the connections that it holds at the end are the limit. */
export async function troubledLoad(server: Server): Promise<Tally> {
  const tally = new Tally()
  const client = await server.connect()
  await wrongPasswords(client, server.address, tally)
  await errors(client, tally, 'malformed', 400, 'bogus\r\n', 'ERROR\r\n')
  const tooLarge = stored('large', 100_000)
  await errors(
    client,
    tally,
    'too large',
    10,
    tooLarge,
    'SERVER_ERROR object too large for cache\r\n',
  )
  await flush(client, tally)
  await fillUp(client, tally)
  // A turn that is slow: twenty megabytes as one piece of work.
  client.send(`get ${'fill:0 '.repeat(500)}\r\n`.repeat(10))
  for (let reply = 0; reply < 10; reply++) await client.readUntil('END\r\n')
  tally.add('get hit', 5000)
  await comeTooMany(server, tally)
  return tally
}

async function wrongPasswords(client: Client, address: Address, tally: Tally): Promise<void> {
  const wrong = `${USER} wrong`
  const attempt = `set auth x x ${wrong.length}\r\n${wrong}\r\n`
  const reply = 'CLIENT_ERROR authentication failure\r\n'
  // Two of an address: the third would have to wait, which is another alert.
  for (let place = 0; place < 40; place++) {
    const from = { localAddress: `127.0.0.${100 + place}` }
    const guesser = await Client.connect({ ...address, ...from })
    await errors(guesser, tally, 'authentication failures', 2, attempt, reply)
    guesser.socket.end()
    await guesser.expectClose()
  }
  const right = `${USER} ${PASSWORD}`
  client.send(`set auth x x ${right.length}\r\n${right}\r\n`)
  await client.expect('STORED\r\n')
}

async function errors(
  client: Client,
  tally: Tally,
  what: string,
  count: number,
  request: string,
  reply: string,
): Promise<void> {
  client.send(request.repeat(count))
  await client.expect(reply.repeat(count))
  tally.add(what, count)
}

async function flush(client: Client, tally: Tally): Promise<void> {
  const keys = Array.from({ length: 50 }, (_, index) => `flushed:${index}`)
  await batch(
    client,
    tally,
    'set',
    keys.map((key) => stored(key, 10)),
  )
  // Items of the second in which a flush comes are flushed, too; those of the next one are not.
  client.send('flush_all\r\n')
  await client.expect('OK\r\n')
  tally.add('flush hit')
  await gotten(
    client,
    tally,
    keys.map((key) => `get ${key}\r\n`),
  )
  await pause(1100)
}

/** One after another, so that each value comes in one piece. */
async function fillUp(client: Client, tally: Tally): Promise<void> {
  for (let index = 0; index < FILLING; index++) {
    client.send(stored(`fill:${index}`, LARGE_BYTES))
    const reply = await client.readLine()
    if (reply === 'STORED') tally.add('set hit')
    else {
      assert.equal(reply, 'SERVER_ERROR out of memory storing object')
      tally.add('no memory')
    }
  }
}

async function comeTooMany(server: Server, tally: Tally): Promise<void> {
  for (let open = 1; open < TROUBLED_CONNECTIONS; open++) await server.connect()
  for (let more = 0; more < 6; more++) {
    const refused = await server.connect()
    await refused.expect('ERROR Too many open connections\r\n')
    refused.close()
    tally.add('rejected')
  }
}

function stored(key: string, bytes: number, seconds = 0): string {
  return `set ${key} 0 ${seconds} ${bytes}\r\n${'v'.repeat(bytes)}\r\n`
}

/** Commands that are answered by one line each. */
async function batch(
  client: Client,
  tally: Tally,
  command: string,
  requests: readonly string[],
): Promise<void> {
  client.send(requests.join(''))
  for (const request of requests) {
    const line = await client.readLine()
    const outcome = OUTCOMES[line] ?? (/^\d+$/.test(line) ? 'hit' : null)
    assert.ok(outcome !== null, `${request}: ${line}`)
    tally.add(`${command} ${outcome}`)
  }
}

/** Gets of one key each. */
async function gotten(client: Client, tally: Tally, gets: readonly string[]): Promise<void> {
  client.send(`${gets.join('')}mn\r\n`)
  const replies = String(await client.readUntil('MN\r\n'))
  const hits = replies.split('VALUE ').length - 1
  tally.add('get hit', hits)
  tally.add('get miss', gets.length - hits)
  tally.add('meta')
}
