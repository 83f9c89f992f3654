import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { ALL_PERMISSIONS, PERMISSION } from '../../src/auth/permissions.ts'
import { readUsersFile, USERS_MAX } from '../../src/auth/users-file.ts'
import { SuiteScope } from '../support/server.ts'
import { cheapHash, usersYaml, writeUsers } from '../support/users.ts'

const SECRET = 'hunter2'
const HASH = cheapHash(SECRET)

describe('the file of users', () => {
  const scope = new SuiteScope()
  after(() => scope.close())
  const read = (text: string) => readUsersFile(writeUsers(scope, text))

  test('has users with permissions, groups, prefixes, certificates and several hashes', async () => {
    const text = usersYaml({
      users: [
        { name: 'root', password: SECRET, others: ['next'], commands: ['all'] },
        { name: 'ops', password: SECRET, commands: ['admin', 'read'] },
        { name: 'web', certificates: ['CN:web'], commands: ['read', 'write'], prefixes: ['web:'] },
      ],
      anonymous: { commands: ['read'], prefixes: ['public:', 'ö:'] },
    })
    const { table, hashes } = await read(text)
    const [root, ops, web] = table.users
    assert.equal(root?.permissions, ALL_PERMISSIONS)
    assert.equal(ops?.permissions, ALL_PERMISSIONS & ~PERMISSION.write)
    assert.deepEqual(web, {
      name: 'web',
      permissions: PERMISSION.read | PERMISSION.write,
      prefixes: ['web:'],
      certificates: ['CN:web'],
    })
    assert.deepEqual(table.anonymous?.prefixes, ['public:', 'ö:'])
    assert.equal(hashes.get('root')?.length, 2)
    assert.equal(hashes.get('ops')?.length, 1)
    assert.equal(hashes.get('web')?.length, 0)
    assert.equal(JSON.stringify(table).includes('scrypt'), false)
  })

  const user = `- name: u\n  passwordHash: ${HASH}\n  commands: [read]\n`
  const wrong: readonly [name: string, text: string, line: number, field: string][] = [
    ['empty', '', 1, 'it is empty'],
    ['no YAML', `users:\n- name: "${SECRET}\n`, 3, 'it is no YAML'],
    ['a list', `- ${SECRET}\n`, 1, 'it must hold users, anonymous'],
    ['an unknown field', `users:\n${user}${SECRET}: 1\n`, 5, 'unknown field; allowed are users'],
    ['an unknown field of a user', `users:\n${user}  ${SECRET}: 1\n`, 5, 'users[0]: unknown field'],
    ['no users', 'anonymous:\n  commands: [read]\n', 1, 'users: it is missing'],
    ['an empty list', 'users: []\n', 1, 'users: it must be a list of 1'],
    ['a name twice', `users:\n${user}${user}`, 5, 'users[1].name: the name is taken'],
    ['a key twice', `users:\n${user}  name: ${SECRET}\n`, 5, 'it is no YAML (duplicate_key)'],
    [
      'a name with a space',
      `users:\n- name: ${SECRET} x\n`,
      2,
      'users[0].name: it must be 1 to 64',
    ],
    ['a number for a name', 'users:\n- name: 12\n', 2, 'users[0].name: it must be text'],
    ['no name', 'users:\n- commands: [read]\n', 2, 'users[0].name: it is missing'],
    [
      'no password',
      'users:\n- name: u\n  commands: [read]\n',
      2,
      'users[0]: it needs passwordHash',
    ],
    [
      'a password in place of a hash',
      `users:\n- name: u\n  passwordHash: ${SECRET}\n`,
      3,
      'users[0].passwordHash: it must be $scrypt$',
    ],
    [
      'a hash that is too cheap',
      `users:\n- name: u\n  passwordHash: ${HASH.replace('ln=12', 'ln=10')}\n`,
      3,
      'users[0].passwordHash: ln must be 12',
    ],
    [
      'a hash that takes too much',
      `users:\n- name: u\n  passwordHash: ${HASH.replace('ln=12,r=1', 'ln=16,r=8')}\n`,
      3,
      'users[0].passwordHash: 128·2^ln·r must be',
    ],
    [
      'too many hashes',
      `users:\n- name: u\n  passwordHash:\n${`  - ${HASH}\n`.repeat(5)}`,
      4,
      'users[0].passwordHash: it must be a list of 1 to 4',
    ],
    [
      'no commands',
      `users:\n- name: u\n  passwordHash: ${HASH}\n`,
      2,
      'users[0].commands: it is m',
    ],
    [
      'an unknown command',
      `users:\n${user.replace('[read]', `[read, ${SECRET}]`)}`,
      4,
      'users[0].commands: each must be one of read, write',
    ],
    ['a prefix with a space', `users:\n${user}  prefixes: ["a b"]\n`, 5, 'users[0].prefixes: each'],
    ['no prefix', `users:\n${user}  prefixes: []\n`, 5, 'users[0].prefixes: it must be a list'],
    [
      'an empty prefix',
      `users:\n${user}  prefixes: [""]\n`,
      5,
      'users[0].prefixes: each must be 1',
    ],
    [
      'prefixes and dumps',
      `users:\n${user.replace('[read]', '[read, dump]')}  prefixes: [a]\n`,
      5,
      'users[0].prefixes: with prefixes nobody may have dump',
    ],
    [
      'prefixes and all',
      `users:\n${user.replace('[read]', '[all]')}  prefixes: [a]\n`,
      5,
      'users[0].prefixes: with prefixes nobody may have dump, watch, flush',
    ],
    [
      'a certificate of no kind',
      `users:\n${user}  certificates: [web]\n`,
      5,
      'users[0].certificate',
    ],
    [
      'a certificate twice',
      `users:\n${user}  certificates: [CN:a, CN:a]\n`,
      5,
      'users[0].certificates: the certificate belongs to another',
    ],
    ['an empty field', `users:\n${user}anonymous:\n`, 5, 'anonymous: it has no value'],
    ['an anchor', `users:\n- &a [read]\n- *a\n`, 2, 'users[0]: it must hold'],
    ['a name for nobody', `users:\n${user}anonymous:\n  name: x\n`, 6, 'anonymous: unknown field'],
  ]
  for (const [name, text, line, field] of wrong) {
    test(`${name}: refused with file, line and field`, async () => {
      await assert.rejects(read(text), (error: Error) => {
        assert.equal(error.name, 'UsersFileError')
        assert.match(error.message, /^users file \/\S+users\.yaml, line \d+: /)
        assert.equal(
          error.message.split(', line ')[1]?.startsWith(`${line}: ${field}`),
          true,
          error.message,
        )
        for (const secret of [SECRET, HASH, HASH.split('$')[4] ?? '']) {
          assert.equal(error.message.includes(secret), false, error.message)
        }
        return true
      })
    })
  }

  test('too many users, too long, not there', async () => {
    const many = Array.from({ length: USERS_MAX + 1 }, () => '- name: u\n').join('')
    await assert.rejects(read(`users:\n${many}`), /users: it must be a list of 1 to 1000/)
    await assert.rejects(read(`#${' '.repeat(1024 * 1024)}`), /at most 1048576 are allowed/)
    await assert.rejects(readUsersFile('/nowhere/users.yaml'), /cannot be read \(ENOENT\)/)
  })
})
