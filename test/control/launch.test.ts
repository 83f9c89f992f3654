import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { LAUNCH_FLAGS, LAUNCH_TUNABLES } from '../../src/launch.ts'
import { until } from '../support/deadline.ts'
import type { Scope } from '../support/server.ts'
import { Server } from '../support/server.ts'
import { environment } from '../support/target.ts'

const NAME = 'GLIBC_TUNABLES'

async function started(scope: Scope, tunables: string | undefined): Promise<Started> {
  const outer = environment[NAME]
  if (tunables === undefined) delete process.env[NAME]
  const given: Record<string, string> = tunables === undefined ? {} : { [NAME]: tunables }
  const server = await Server.start(scope, { environment: given })
  if (outer !== undefined) process.env[NAME] = outer
  const words = (file: string): string[] =>
    readFileSync(`/proc/${server.pid}/${file}`, 'latin1').split('\0').slice(0, -1)
  return {
    server,
    flags: words('cmdline').filter((word) => LAUNCH_FLAGS.includes(word)),
    tunables: tunablesOf(words('environ')),
  }
}

/** glibc may have cut the value at its colons, where it lies. */
function tunablesOf(words: readonly string[]): string | null {
  const first = words.findIndex((word) => word.startsWith(`${NAME}=`))
  if (first < 0) return null
  const more = words.slice(first + 1)
  const end = more.findIndex((word) => !word.startsWith('glibc.'))
  const all = [words[first]?.slice(NAME.length + 1), ...more.slice(0, end < 0 ? more.length : end)]
  return all.join(':')
}

interface Started {
  readonly server: Server
  readonly flags: readonly string[]
  readonly tunables: string | null
}

test('the process becomes what it should have been, and stays the same one', async (scope) => {
  const { server, flags, tunables } = await started(scope, undefined)
  assert.deepEqual(flags, LAUNCH_FLAGS)
  assert.equal(tunables, LAUNCH_TUNABLES)
  const client = await server.connect(scope)
  client.send('set k 0 0 1\r\n1\r\nget k\r\n')
  await client.expect('STORED\r\nVALUE k 0 1\r\n1\r\nEND\r\n')
  assert.deepEqual(await server.stop(), { code: 0, signal: null })
})

for (const tunables of ['', 'glibc.malloc.arena_max=2']) {
  test(`whoever sets ${NAME}, here to "${tunables}", is left alone`, async (scope) => {
    const found = await started(scope, tunables)
    assert.deepEqual(found.flags, [])
    assert.equal(found.tunables, tunables)
  })
}

test('arguments and exit statuses come through', async (scope) => {
  await assert.rejects(Server.start(scope, { flags: ['--no-such-flag'] }), /no-such-flag/)
})

test('what somebody has chosen for Node himself stays', async (scope) => {
  const server = await Server.start(scope, {
    environment: { NODE_OPTIONS: '--max-semi-space-size=16' },
  })
  const words = readFileSync(`/proc/${server.pid}/cmdline`, 'latin1').split('\0')
  assert.deepEqual(
    words.filter((word) => word.startsWith('--max-')),
    [],
  )
  assert.ok(words.includes(LAUNCH_FLAGS.at(-1) ?? ''), 'it has replaced itself nevertheless')
})

test('when it is ready, each thread collects the garbage of its start', async (scope) => {
  const preload = new URL('./collection-preload.ts', import.meta.url).href
  const server = await Server.start(scope, {
    environment: { NODE_OPTIONS: `--import=${preload}` },
    flags: ['-t', '2'],
  })
  const linesOf = (thread: string): number =>
    server.output().split(`${thread} collected {"type":"major"`).length - 1
  await until(
    () => linesOf('control') === 1 && linesOf('worker') === 2,
    () => `not collected:\n${server.output()}`,
  )
})
