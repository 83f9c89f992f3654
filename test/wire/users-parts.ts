import type { Client } from '../support/client.ts'
import { until } from '../support/deadline.ts'
import type { Scope, Server } from '../support/server.ts'
import type { TestUsers } from '../support/users.ts'
import { logIn } from '../support/users.ts'

/** What the tests of users in this folder share. */

export const DENIED = 'CLIENT_ERROR permission denied\r\n'
export const WRONG = 'CLIENT_ERROR authentication failure\r\n'
export const FIRST = 'CLIENT_ERROR unauthenticated\r\n'

export const BEFORE: TestUsers = {
  users: [
    { name: 'kept', password: 'kept', commands: ['read', 'write'] },
    { name: 'gone', password: 'gone', commands: ['all'] },
    { name: 'viewer', password: 'viewer', commands: ['watch'] },
  ],
}
export const AFTER: TestUsers = {
  users: [
    { name: 'kept', password: 'new', others: ['kept'], commands: ['read'], prefixes: ['a:'] },
    { name: 'viewer', password: 'viewer', commands: ['stats'] },
  ],
}

/** The entries of part `auth` so far. */
export function auditOf(server: Server): Record<string, unknown>[] {
  return server
    .output()
    .split('\n')
    .filter((line) => line.includes('"part":"auth"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

export function logged(server: Server, text: string, count = 1): Promise<true> {
  return until(
    () => (auditOf(server).filter(({ msg }) => msg === text).length >= count ? true : null),
    () => `no "${text}" in:\n${server.output()}`,
  )
}

export async function loggedIn(scope: Scope, server: Server, user: string): Promise<Client> {
  const client = await server.connect(scope)
  await logIn(client, user)
  return client
}
