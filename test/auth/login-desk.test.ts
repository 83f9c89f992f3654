import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Verdict } from '../../src/auth/login-desk.ts'
import { LoginDesk } from '../../src/auth/login-desk.ts'
import { WAITING_PER_ADDRESS_MAX } from '../../src/auth/slow-down.ts'
import type { Users } from '../../src/auth/users-file.ts'
import { readUsersFile } from '../../src/auth/users-file.ts'
import { SuiteScope } from '../support/server.ts'
import { writeUsers } from '../support/users.ts'

const scope = new SuiteScope()
after(() => scope.close())

function users(password = 'right'): Promise<Users> {
  return readUsersFile(
    writeUsers(scope, {
      users: [
        { name: 'one', password, commands: ['read'] },
        { name: 'two', password: 'second', others: ['former'], commands: ['read'] },
        { name: 'badge', certificates: ['CN:badge'], commands: ['read'] },
      ],
    }),
  )
}

/** A desk whose waits are listed, and over when the test says so. */
class HeldDesk {
  readonly desk: LoginDesk
  now = 0
  readonly waits: { milliseconds: number; end: () => void }[] = []

  constructor(known: Users | null) {
    this.desk = new LoginDesk(known, {
      now: () => this.now,
      sleep: (milliseconds) =>
        new Promise((end) => {
          this.waits.push({ milliseconds, end })
        }),
    })
  }

  ask(name: string, password: string, address = 'here', accepted = false): Promise<Verdict> {
    const [nameBytes, passwordBytes] = [Buffer.from(name), Buffer.from(password)]
    return this.desk.decide({ address, name: nameBytes, password: passwordBytes, accepted })
  }

  async outcome(name: string, password: string, address?: string): Promise<string> {
    return (await this.ask(name, password, address)).outcome
  }

  endWait(): number {
    const [wait] = this.waits.splice(0, 1)
    assert.ok(wait !== undefined, 'nobody waits')
    this.now += wait.milliseconds
    wait.end()
    return wait.milliseconds
  }

  /** Ends all waits, also those that begin meanwhile. */
  async endAll<T>(verdicts: readonly Promise<T>[]): Promise<T[]> {
    let over = false
    const all = Promise.all(verdicts)
    const note = (): void => {
      over = true
    }
    all.then(note, note)
    while (!over) {
      while (this.waits.length > 0) this.endWait()
      await setImmediate()
    }
    return await all
  }
}

test('right and wrong pairs, several hashes, and who has none', async () => {
  const held = new HeldDesk(await users())
  assert.equal(await held.outcome('one', 'right', 'a'), 'accepted')
  assert.equal(await held.outcome('one', 'second', 'b'), 'failed')
  assert.equal(await held.outcome('two', 'second', 'c'), 'accepted')
  assert.equal(await held.outcome('two', 'former', 'd'), 'accepted')
  assert.equal(await held.outcome('badge', '', 'e'), 'failed')
  assert.equal(await held.outcome('', '', 'f'), 'failed')
  assert.equal(await held.outcome('onerig', 'ht', 'g'), 'failed')
})

test('a pair that was right once needs no hash again, until the file is read again', async () => {
  const held = new HeldDesk(await users())
  await held.outcome('one', 'right', 'a')
  const { hashed } = held.desk
  for (const address of ['a', 'b', 'c']) {
    assert.equal(await held.outcome('one', 'right', address), 'accepted')
  }
  assert.equal(held.desk.hashed, hashed)
  held.desk.replace(await users('changed'))
  assert.equal(await held.outcome('one', 'right', 'd'), 'failed')
  assert.equal(await held.outcome('one', 'changed', 'e'), 'accepted')
})

test('a name that does not exist costs as many hashes as one that does', async () => {
  const held = new HeldDesk(await users())
  const costs: number[] = []
  for (const [index, name] of ['one', 'two', 'badge', 'nobody'].entries()) {
    const before = held.desk.hashed
    assert.equal(await held.outcome(name, 'wrong', `address ${index}`), 'failed')
    costs.push(held.desk.hashed - before)
  }
  assert.deepEqual(costs, [2, 2, 2, 2])
})

test('the same pair from the same place is looked at once for all that wait', async () => {
  const held = new HeldDesk(await users())
  const verdicts = await Promise.all(Array.from({ length: 100 }, () => held.ask('one', 'right')))
  assert.deepEqual([...new Set(verdicts.map(({ outcome }) => outcome))], ['accepted'])
  assert.ok(held.desk.hashed <= 2)
})

test('after failures a right pair waits as a wrong one does, unless it came from there before', async () => {
  const held = new HeldDesk(await users())
  assert.equal(await held.outcome('two', 'second'), 'accepted')
  assert.equal(await held.outcome('one', 'right', 'elsewhere'), 'accepted')
  for (let guess = 0; guess < 2; guess++) await held.outcome('one', `guess ${guess}`)
  assert.equal(held.desk.slows, true)
  // Known, but not from here.
  const right = held.ask('one', 'right')
  const wrong = held.ask('one', 'guess')
  assert.equal(held.waits.length, 2)
  assert.equal(await held.outcome('two', 'second'), 'accepted')
  assert.equal(await held.outcome('one', 'right', 'elsewhere'), 'accepted')
  assert.equal(held.endWait(), 100)
  assert.equal((await right).outcome, 'accepted')
  held.endWait()
  assert.equal((await wrong).outcome, 'failed')
  assert.equal(held.desk.delayed, 2)
})

test('too many that wait are refused unseen, right or wrong, and others are not', async () => {
  const held = new HeldDesk(await users())
  for (let guess = 0; guess < 3; guess++) {
    const verdict = held.ask('one', `guess ${guess}`)
    if (guess === 2) held.endWait()
    await verdict
  }
  const waiting = Array.from({ length: WAITING_PER_ADDRESS_MAX }, (_, guess) =>
    held.ask('one', `other guess ${guess}`),
  )
  const refused = [held.ask('one', 'right'), held.ask('plain', 'right', 'here', true)]
  assert.equal(await held.outcome('one', 'right', 'elsewhere'), 'accepted')
  // Not at once, or trying again would keep the thread busy.
  assert.deepEqual(
    held.waits.slice(-2).map(({ milliseconds }) => milliseconds),
    [2000, 2000],
  )
  const verdicts = await held.endAll([...refused, ...waiting])
  for (const { outcome } of verdicts.slice(0, 2)) assert.equal(outcome, 'refused')
  assert.equal(held.desk.waiting, 0)
})

test('a guesser with many networks is in nobody else’s way, also of a pair that is not known yet', async () => {
  const held = new HeldDesk(await users())
  const networks = Array.from({ length: 64 }, (_, index) => `2001:db8:0:${index.toString(16)}::1`)
  // All of them at once, while nothing is held against them: they take what places for hashing they get.
  const guesses = networks.flatMap((address) =>
    ['a', 'b', 'c', 'd'].map((guess) => held.ask('one', `${guess} ${address}`, address)),
  )
  const stranger = held.ask('one', 'right', '10.0.0.1')
  const [known] = await held.endAll([stranger])
  assert.equal(known?.outcome, 'accepted')
  await held.endAll(guesses)
  // Now they have to wait, and take what places for that they get.
  for (const address of networks) {
    for (const guess of ['e', 'f', 'g']) {
      await held.endAll([held.ask('one', guess, address)])
    }
  }
  const waiting = networks.flatMap((address) =>
    Array.from({ length: WAITING_PER_ADDRESS_MAX }, (_, guess) =>
      held.ask('one', `${guess}`, address),
    ),
  )
  const other = held.ask('two', 'second', '10.0.0.2')
  const outcomes = (await held.endAll([other, ...waiting])).map(({ outcome }) => outcome)
  assert.equal(outcomes[0], 'accepted')
  assert.equal(held.desk.waiting, 0)
})

test('after a start, one pair from many addresses is hashed once', async () => {
  const held = new HeldDesk(await users())
  const verdicts = await held.endAll(
    Array.from({ length: 500 }, (_, host) =>
      held.ask('one', 'right', `10.0.${host >> 8}.${host & 255}`),
    ),
  )
  assert.deepEqual([...new Set(verdicts.map(({ outcome }) => outcome))], ['accepted'])
  assert.ok(held.desk.hashed <= 2)
})

test('without a file of users it only slows down those of -Y', async () => {
  const held = new HeldDesk(null)
  assert.deepEqual(await held.ask('plain', 'x', 'a', true), {
    outcome: 'accepted',
    user: 'plain',
    unlimited: true,
  })
  assert.equal(await held.outcome('plain', 'wrong'), 'failed')
  assert.equal(held.desk.hashed, 0)
})
