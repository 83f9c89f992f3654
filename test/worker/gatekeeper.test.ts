import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ALL_PERMISSIONS, PERMISSION, PERMISSION_NAMES } from '../../src/auth/permissions.ts'
import type { AccessEntry, WorkerMessage } from '../../src/base/messages.ts'
import { OPCODE } from '../../src/protocol/opcode.ts'
import {
  COUNTER,
  counterBlock,
  createCounters,
  DENIED_REASONS,
} from '../../src/telemetry/counters.ts'
import type { Visitor } from '../../src/worker/gatekeeper.ts'
import { Gatekeeper } from '../../src/worker/gatekeeper.ts'
import type { PeerCertificate } from '../../src/worker/wire.ts'

const PEER = { address: '10.0.0.1', port: 1, local: false }

function entry(name: string, rest: Partial<AccessEntry> = {}): AccessEntry {
  return { name, permissions: PERMISSION.read, prefixes: [], certificates: [], ...rest }
}

const TABLE = {
  users: [
    entry('web', { certificates: ['CN:web', 'DNS:web.default.svc'] }),
    entry('spiffe', { certificates: ['URI:spiffe://cluster/ns/default/sa/app'] }),
    entry('root', { permissions: ALL_PERMISSIONS, certificates: ['CN:root'] }),
  ],
  anonymous: null,
}

function visitor(peerCertificate: PeerCertificate | null): Visitor {
  return { access: null, user: '', unlimited: false, peer: PEER, peerCertificate }
}

function keeper(table: typeof TABLE | null = TABLE) {
  const messages: WorkerMessage[] = []
  const counters = counterBlock(createCounters(1), 0)
  const gatekeeper = new Gatekeeper(table, counters, (message) => messages.push(message))
  return { gatekeeper, messages, counters }
}

test('a certificate names its user', () => {
  const { gatekeeper, messages } = keeper()
  for (const [commonName, names, user] of [
    ['web', [], 'web'],
    ['', ['DNS:other', 'DNS:web.default.svc'], 'web'],
    ['nobody', ['URI:spiffe://cluster/ns/default/sa/app'], 'spiffe'],
    // The subject comes before the other names.
    ['root', ['DNS:web.default.svc'], 'root'],
    // A name is none of another kind, and no part of one.
    ['DNS:web.default.svc', [], ''],
    ['we', ['CN:web2', 'DNS:web.default', 'email:web'], ''],
    ['', [], ''],
  ] as const) {
    const guest = visitor({ commonName, names })
    gatekeeper.enter(guest)
    assert.equal(guest.user, user)
    assert.equal(guest.access === null, user === 'root')
    if (user === '') assert.equal(guest.access?.readsLogin(Buffer.from('get'), 0, 3), true)
  }
  const users = messages.map((message) => (message.type === 'loggedIn' ? message.by : null))
  assert.deepEqual(users, ['certificate', 'certificate', 'certificate', 'certificate'])
})

test('a name that Node would print of two is not taken for one', () => {
  const { gatekeeper } = keeper()
  const guest = visitor({ commonName: 'x\nCN:root', names: ['DNS:a, CN:root'] })
  gatekeeper.enter(guest)
  assert.equal(guest.user, '')
})

test('without a certificate nobody is anybody', () => {
  for (const table of [TABLE, null]) {
    const { gatekeeper } = keeper(table)
    const guest = visitor(null)
    gatekeeper.enter(guest)
    assert.notEqual(guest.access, null)
    assert.equal(guest.user, '')
  }
})

test('a new table takes and gives to those who are there', () => {
  const { gatekeeper } = keeper()
  const web = visitor({ commonName: 'web', names: [] })
  const root = visitor({ commonName: 'root', names: [] })
  const plain = visitor(null)
  const late = visitor({ commonName: 'late', names: [] })
  for (const guest of [web, root, plain, late]) gatekeeper.enter(guest)
  gatekeeper.admitUnlimited(plain, 'old')
  gatekeeper.replace({
    users: [entry('root'), entry('new', { certificates: ['CN:late'] })],
    anonymous: null,
  })
  assert.equal(gatekeeper.review(web), true)
  assert.equal(gatekeeper.review(root), false)
  assert.equal(gatekeeper.review(plain), false)
  assert.equal(gatekeeper.review(late), false)
  assert.deepEqual([web.user, root.user, plain.user, late.user], ['', 'root', 'old', 'new'])
  assert.notEqual(root.access, null)
  assert.equal(plain.access, null)
  // Nothing to lose any more.
  assert.equal(gatekeeper.review(web), false)
})

test('each refusal is counted by its reason, and few are told', () => {
  const { gatekeeper, messages, counters } = keeper()
  const guest = visitor(null)
  for (const name of PERMISSION_NAMES) {
    for (let count = 0; count < 5; count++) {
      gatekeeper.deny(guest, OPCODE.stats, PERMISSION[name])
    }
  }
  assert.deepEqual(DENIED_REASONS, [...PERMISSION_NAMES, 'key'])
  PERMISSION_NAMES.forEach((_, index) => {
    assert.equal(counters[COUNTER.denied + index], 5)
  })
  assert.equal(messages.length, 10)
  gatekeeper.everySecond()
  gatekeeper.deny(guest, OPCODE.get, 1 << 30)
  assert.deepEqual(messages.at(-1), {
    type: 'denied',
    address: '10.0.0.1',
    user: '',
    command: 'get',
    reason: 'key',
  })
  assert.equal(counters[COUNTER.denied + DENIED_REASONS.indexOf('key')], 1)
})
