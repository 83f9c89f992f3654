import assert from 'node:assert/strict'
import { after, test } from 'node:test'
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
  while (held.waits.length > 0) held.endWait()
  for (const verdict of await Promise.all(refused)) assert.equal(verdict.outcome, 'refused')
  await Promise.all(waiting)
  assert.equal(held.desk.waiting, 0)
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
