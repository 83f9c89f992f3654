import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { AuthFileError, readAuthFile } from '../../src/control/auth-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'memckv-auth-'))
after(() => rmSync(folder, { recursive: true }))
const path = join(folder, 'users')

function usersOf(content: string | Uint8Array): ReturnType<typeof readAuthFile> {
  writeFileSync(path, content)
  return readAuthFile(path)
}

test('each line is a user and, after the first colon, a password', () => {
  assert.deepEqual(usersOf('foo:bar\nbaz:a:b c \n'), [
    { name: 'foo', password: 'bar' },
    { name: 'baz', password: 'a:b c ' },
  ])
})

test('the last newline may be missing, and lines may end as on Windows', () => {
  assert.deepEqual(usersOf('foo:bar\r\nbaz:qux'), [
    { name: 'foo', password: 'bar' },
    { name: 'baz', password: 'qux' },
  ])
})

test('bytes beyond ASCII are kept, one character each', () => {
  const [user] = usersOf(Uint8Array.of(0x75, 0x3a, 0xc3, 0xa4, 0xff, 0x0a))
  assert.deepEqual(Buffer.from(user?.password ?? '', 'latin1'), Buffer.from([0xc3, 0xa4, 0xff]))
})

test('eight users are allowed, nine are not', () => {
  assert.equal(usersOf('u:p\n'.repeat(8)).length, 8)
  assert.throws(() => usersOf('u:p\n'.repeat(9)), AuthFileError)
})

for (const content of ['', 'foo\n', 'foo:bar\n\n', 'foo:bar\nbaz\n', `u:${'p'.repeat(254)}\n`]) {
  test(`${JSON.stringify(content.slice(0, 20))} is refused without telling the password`, () => {
    assert.throws(
      () => usersOf(content),
      (error: Error) => error instanceof AuthFileError && !/bar|ppp/.test(error.message),
    )
  })
}

test('a missing file is refused in words', () => {
  assert.throws(() => readAuthFile('/nowhere/users'), {
    message: 'auth file /nowhere/users: it cannot be read (ENOENT)',
  })
})
