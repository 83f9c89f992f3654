import assert from 'node:assert/strict'
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Client } from '../support/client.ts'
import { until } from '../support/deadline.ts'
import type { Scope } from '../support/server.ts'
import { Run } from './run-main.ts'

const MIB = 2 ** 20

/** A control group of the kernel's own, in whichever version is mounted here; null: none can be made. */
class MemoryGroup {
  readonly #folder: string
  readonly #limitFile: string

  private constructor(folder: string, limitFile: string) {
    this.#folder = folder
    this.#limitFile = limitFile
  }

  static make(): MemoryGroup | null {
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
      if (existsSync(join(folder, limitFile))) return new MemoryGroup(folder, limitFile)
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

const group = MemoryGroup.make()

test('cache_memlimit does not outgrow the container, and follows it when that is resized', {
  skip: group === null && 'no control group can be made here',
}, async (context) => {
  assert.ok(group !== null)
  const run = new Run(context, { argv: ['-l', '127.0.0.1', '-p', '-1', '-t', '1', '-m', '64'] })
  const [address] = (await run.line('ready')).addresses ?? []
  assert.ok(address !== undefined && run.child.pid !== undefined)
  group.take(run.child.pid, context)
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
  const { level, msg } = run.lines().at(-1) ?? { level: '', msg: '' }
  assert.equal(level, 'warn')
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
})
