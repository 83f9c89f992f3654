import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Authority, tlsFlags } from '../support/certificates.ts'
import { Client } from '../support/client.ts'
import { until } from '../support/deadline.ts'
import type { Scope } from '../support/server.ts'
import { Run } from './run-main.ts'

const MIB = 2 ** 20

interface MemoryGroup {
  /** Of the process that is going to be in it. */
  readonly environment: Readonly<Record<string, string>>
  take(pid: number, scope: Scope): void
  limit(bytes: number): void
}

/** A control group of the kernel's own, in whichever version is mounted here. */
class KernelGroup implements MemoryGroup {
  readonly environment = {}
  readonly #folder: string
  readonly #limitFile: string

  private constructor(folder: string, limitFile: string) {
    this.#folder = folder
    this.#limitFile = limitFile
  }

  /** Null where none can be made: it takes rights that a user, or a container, rarely has. */
  static make(): KernelGroup | null {
    const name = `memckv-test-${process.pid}`
    for (const [root, limitFile] of [
      ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes'],
      ['/sys/fs/cgroup', 'memory.max'],
    ] as const) {
      const folder = join(root, name)
      try {
        mkdirSync(folder)
      } catch {
        continue
      }
      if (existsSync(join(folder, limitFile))) return new KernelGroup(folder, limitFile)
      rmdirSync(folder)
    }
    return null
  }

  take(pid: number, scope: Scope): void {
    writeFileSync(join(this.#folder, 'cgroup.procs'), String(pid))
    scope.after(async () => {
      // A group goes when its last process has.
      await until(
        () => {
          try {
            rmdirSync(this.#folder)
            return true
          } catch {
            return false
          }
        },
        () => `${this.#folder} stays`,
      )
    })
  }

  limit(bytes: number): void {
    writeFileSync(join(this.#folder, this.#limitFile), String(bytes))
  }
}

/** The files of a group as the server finds them in a container, without a kernel that heeds them. */
class WrittenGroup implements MemoryGroup {
  readonly #folder = mkdtempSync(join(tmpdir(), 'memckv-group-'))
  readonly environment = {
    MEMCKV_TEST_GROUP: this.#folder,
    NODE_OPTIONS: `--import=${new URL('preload-written-group.ts', import.meta.url).href}`,
  }

  take(_pid: number, scope: Scope): void {
    scope.after(async () => rmSync(this.#folder, { recursive: true }))
  }

  limit(bytes: number): void {
    writeFileSync(join(this.#folder, 'memory.max'), `${bytes}\n`)
  }
}

/** The written one always, so that the test says something everywhere; the kernel's where there is one. */
const kernelGroup = KernelGroup.make()
const groups: readonly (readonly [name: string, group: MemoryGroup])[] = [
  ['its files', new WrittenGroup()],
  ...(kernelGroup === null ? [] : [['the kernel', kernelGroup] as const]),
]

for (const [name, group] of groups) {
  test(`cache_memlimit does not outgrow the container, and follows it: ${name}`, async (context) => {
    await outgrow(context, group)
  })
}

test('what TLS needs is part of what has to fit into the container', async (context) => {
  const authority = new Authority(context)
  const group = new WrittenGroup()
  const argv = ['-l', '127.0.0.1', '-p', '-1', '-t', '1', '-m', '64', '-c', '256']
  const run = new Run(context, {
    argv: [...argv, ...tlsFlags(authority.pair('server'))],
    environment: group.environment,
  })
  const [address] = (await run.line('ready')).addresses ?? []
  assert.ok(address !== undefined && run.child.pid !== undefined)
  group.take(run.child.pid, context)
  const client = await Client.connect(address, { ca: readFileSync(authority.file) })
  // 1.05 * 190 + 80 + 14 MiB are 293.5, and 256 connections of 168 KiB 42 more.
  group.limit(335 * MIB)
  client.send('cache_memlimit 190\r\n')
  await client.expect('MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n')
  group.limit(336 * MIB)
  client.send('cache_memlimit 190\r\n')
  await client.expect('OK\r\n')
  client.close()
})

async function outgrow(scope: Scope, group: MemoryGroup): Promise<void> {
  const run = new Run(scope, {
    argv: ['-l', '127.0.0.1', '-p', '-1', '-t', '1', '-m', '64'],
    environment: group.environment,
  })
  const [address] = (await run.line('ready')).addresses ?? []
  assert.ok(address !== undefined && run.child.pid !== undefined)
  group.take(run.child.pid, scope)
  group.limit(300 * MIB)
  const client = await Client.connect(address)
  const ask = async (megabytes: number, reply: string): Promise<void> => {
    client.send(`cache_memlimit ${megabytes}\r\n`)
    await client.expect(`${reply}\r\n`)
  }
  const refused = 'MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust'
  // 1.05 * 200 + 80 + 14 MiB are more than 300.
  await ask(200, refused)
  assert.equal((await client.stats('settings')).get('maxbytes'), String(64 * MIB))
  // The reply and the line of the log come on ways of their own.
  const { msg } = await until(
    () => run.lines().find(({ level }) => level === 'warn') ?? null,
    () => 'no warning in the log',
  )
  assert.match(
    msg,
    new RegExp(`memory limit ${200 * MIB} refused: .* need ${304 * MIB} .* grants ${300 * MIB}$`),
  )
  await ask(190, 'OK')
  group.limit(304 * MIB)
  await ask(200, 'OK')
  // Less is always a step in the right direction.
  group.limit(200 * MIB)
  await ask(150, 'OK')
  await ask(151, refused)
  client.close()
}
