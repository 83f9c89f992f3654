import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressGroup, networkOf } from '../../src/auth/address-group.ts'
import {
  ADDRESSES_MAX,
  SlowDown,
  WAITING_MAX,
  WAITING_PER_ADDRESS_MAX,
  WAITING_PER_NETWORK_MAX,
} from '../../src/auth/slow-down.ts'

test('IPv4 by address, IPv6 by its network', () => {
  for (const [address, group] of [
    ['10.1.2.3', '10.1.2.3'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['unix', 'unix'],
  ]) {
    assert.equal(addressGroup(address ?? ''), group)
  }
})

test('the network of an IPv6 address is its /48', () => {
  assert.equal(networkOf('10.1.2.3'), '10.1.2.3')
  assert.equal(networkOf('::ffff:10.1.2.3'), '10.1.2.3')
  assert.equal(networkOf('2001:0db8:0001:0002::9'), '2001:db8:1::/48')
})

/** Three failures: from then on its logins wait. */
function makeSlow(slow: SlowDown, address: string): void {
  for (let guess = 0; guess < 3; guess++) slow.fail(address, 0)
}

test('the first failures cost nothing, then each costs twice as much, up to two seconds', () => {
  const slow = new SlowDown()
  const waits: number[] = []
  let now = 0
  for (let guess = 0; guess < 10; guess++) {
    const wait = slow.enter('a', now)
    waits.push(wait)
    now += wait
    if (wait > 0) slow.leave('a')
    slow.fail('a', now)
  }
  assert.deepEqual(waits, [0, 0, 100, 200, 400, 800, 1600, 2000, 2000, 2000])
  assert.equal(slow.enter('b', now), 0)
})

test('an address is forgiven with time, and has nothing to fear for a success', () => {
  const slow = new SlowDown()
  for (let guess = 0; guess < 30; guess++) slow.fail('a', 0)
  const waitAt = (now: number): number => {
    const wait = slow.enter('a', now)
    if (wait > 0) slow.leave('a')
    return wait
  }
  assert.equal(slow.isSlow('a', 100_000), true)
  assert.equal(slow.anySlow(100_000), true)
  assert.equal(waitAt(100_000), 2000)
  assert.equal(waitAt(160_000), 400)
  assert.equal(waitAt(190_000), 0)
  assert.equal(slow.isSlow('a', 190_000), false)
  assert.equal(slow.anySlow(200_000), false)
})

test('logins of one address wait one behind the other, and only so many', () => {
  const slow = new SlowDown()
  makeSlow(slow, 'a')
  const start = 200
  const waits = Array.from({ length: WAITING_PER_ADDRESS_MAX }, () => slow.enter('a', start))
  assert.deepEqual(waits.slice(0, 3), [200, 400, 600])
  assert.equal(slow.enter('a', start), -1)
  assert.equal(slow.enter('b', start), 0)
  slow.leave('a')
  assert.ok(slow.enter('a', start) > 0)
})

test('the addresses of one network get a share of the places to wait', () => {
  const slow = new SlowDown()
  let waiting = 0
  for (let network = 0; network < 16; network++) {
    const address = `2001:db8:1:${network}::1`
    makeSlow(slow, address)
    for (let login = 0; login < WAITING_PER_ADDRESS_MAX; login++) {
      if (slow.enter(address, 0) > 0) waiting++
    }
  }
  assert.equal(waiting, WAITING_PER_NETWORK_MAX)
  makeSlow(slow, '2001:db8:2::1')
  assert.ok(slow.enter('2001:db8:2::1', 0) > 0)
})

test('all together only so many wait, and who does not have to wait is not kept out', () => {
  const slow = new SlowDown()
  for (let address = 0; address < 100; address++) makeSlow(slow, `address ${address}`)
  for (let count = 0; count < WAITING_MAX; count++) {
    assert.ok(slow.enter(`address ${count % 100}`, 0) > 0)
  }
  assert.equal(slow.enter('address 99', 0), -1)
  assert.equal(slow.waiting, WAITING_MAX)
  assert.equal(slow.enter('another', 0), 0)
})

test('so many addresses are remembered; the one not heard of for longest is forgotten', () => {
  const slow = new SlowDown()
  const fail = (address: string): void => slow.fail(address, 0)
  for (let guess = 0; guess < 5; guess++) fail('first')
  for (let guess = 0; guess < 5; guess++) fail('second')
  for (let other = 0; other < ADDRESSES_MAX - 1; other++) fail(`other ${other}`)
  assert.equal(slow.isSlow('first', 0), false)
  assert.equal(slow.isSlow('second', 0), true)
})
