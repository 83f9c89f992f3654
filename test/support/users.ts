import { randomBytes, scryptSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { Client } from './client.ts'
import type { Scope } from './server.ts'

/** As auth.usersFile has it, with the password itself in place of its hash. */
export interface TestUser {
  readonly name: string
  readonly password?: string
  /** Further passwords that are right as well. */
  readonly others?: readonly string[]
  readonly commands: readonly string[]
  readonly prefixes?: readonly string[]
  readonly certificates?: readonly string[]
}

export interface TestUsers {
  readonly users: readonly TestUser[]
  readonly anonymous?: Pick<TestUser, 'commands' | 'prefixes'>
}

/** The cheapest that is allowed: tests make many. */
export function cheapHash(password: string): string {
  const salt = randomBytes(16)
  const key = scryptSync(password, salt, 32, { N: 4096, r: 1, p: 1 })
  const [saltText, keyText] = [salt, key].map((bytes) =>
    bytes.toString('base64').replace(/=+$/, ''),
  )
  return `$scrypt$ln=12,r=1,p=1$${saltText}$${keyText}`
}

export function usersYaml({ users, anonymous }: TestUsers): string {
  const entries = users.map(({ password, others = [], ...rest }) =>
    password === undefined
      ? rest
      : { ...rest, passwordHash: [password, ...others].map((each) => cheapHash(each)) },
  )
  return stringify({ users: entries, ...(anonymous === undefined ? {} : { anonymous }) })
}

/** A folder of its own, removed at the end. */
export function usersFolder(scope: Scope): string {
  const folder = mkdtempSync(join(tmpdir(), 'memckv-users-'))
  scope.after(async () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export function writeUsers(scope: Scope, users: TestUsers | string): string {
  const path = join(usersFolder(scope), 'users.yaml')
  writeFileSync(path, typeof users === 'string' ? users : usersYaml(users))
  return path
}

export function usersFlags(path: string): Record<string, string> {
  return { MEMCKV_AUTH_USERS_FILE: path }
}

export function sendLogin(client: Client, user: string, password: string, key = 'x'): void {
  const token = `${user} ${password}`
  client.send(`set ${key} 0 0 ${Buffer.byteLength(token)}\r\n${token}\r\n`)
}

export async function logIn(client: Client, user: string, password = user): Promise<void> {
  sendLogin(client, user, password)
  await client.expect('STORED\r\n')
}
