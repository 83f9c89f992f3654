import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { test } from 'node:test'
import type { PasswordHash } from '../../src/auth/password-hash.ts'
import { hashPassword, isPassword, readPasswordHash } from '../../src/auth/password-hash.ts'
import { cheapHash } from '../support/users.ts'

const PROGRAM = resolve(import.meta.dirname, '../../src/hash-password.ts')

function read(text: string): PasswordHash {
  const hash = readPasswordHash(text)
  assert.ok(typeof hash !== 'string', String(hash))
  return hash
}

test('a hash is of its password only, and never the same twice', async () => {
  const text = await hashPassword(Buffer.from('secret'))
  assert.match(text, /^\$scrypt\$ln=14,r=8,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
  assert.notEqual(text, await hashPassword(Buffer.from('secret')))
  assert.equal(await isPassword(Buffer.from('secret'), read(text)), true)
  for (const other of ['secre', 'secret ', '', 'Secret']) {
    assert.equal(await isPassword(Buffer.from(other), read(text)), false)
  }
})

test('the key is scrypt as RFC 7914 has it', async () => {
  // Section 12 of the RFC, the third vector, cut to 32 of 64 bytes, as the salt is longer than we make it.
  const hash = {
    costLog2: 14,
    blockSize: 8,
    parallelism: 1,
    salt: Buffer.from('SodiumChloride'),
    key: Buffer.from('7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2', 'hex'),
  }
  assert.equal(await isPassword(Buffer.from('pleaseletmein'), hash), true)
})

test('hash-password reads from standard input, and says nothing of the password', async () => {
  const run = (input: string) => spawnSync(process.execPath, [PROGRAM], { input, encoding: 'utf8' })
  const made = run('pass word\n')
  assert.equal(made.status, 0, made.stderr)
  assert.equal(await isPassword(Buffer.from('pass word'), read(made.stdout.trim())), true)
  for (const input of ['', '\n', 'a\nb\n', 'x'.repeat(2000)]) {
    const refused = run(input)
    assert.equal(refused.status, 1)
    assert.equal(refused.stdout, '')
    assert.match(refused.stderr, /^hash-password: the password /)
  }
})

test('a hash that is out of bounds is refused without being shown', () => {
  const good = cheapHash('x')
  assert.equal(typeof readPasswordHash(good), 'object')
  for (const bad of [
    good.slice(1),
    `${good}=`,
    good.replace('ln=12', 'ln=17'),
    good.replace('r=1', 'r=0'),
    good.replace('r=1', 'r=17'),
    good.replace('p=1', 'p=5'),
    good.replace(/\$[^$]+$/, '$AAAA'),
    good.replace(/\$[^$]+(?=\$[^$]+$)/, '$AAAA'),
    good.replace('scrypt', 'argon2id'),
  ]) {
    const problem = readPasswordHash(bad)
    assert.equal(typeof problem, 'string', bad)
    assert.equal(String(problem).includes(bad.split('$').at(-1) ?? ''), false)
  }
})
