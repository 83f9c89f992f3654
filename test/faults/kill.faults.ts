import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { EXIT } from '../../src/base/fatal.ts'
import { pause } from '../support/deadline.ts'
import { Random, testSeed } from '../support/seed.ts'
import type { Scope } from '../support/server.ts'
import { Server } from '../support/server.ts'
import { freePort } from './free-port.ts'
import { Load, report } from './load.ts'

const FAULTY = resolve(import.meta.dirname, '../control/faulty-main.ts')
const KILLS = 5

function folderFor(scope: Scope): string {
  const folder = mkdtempSync(join(tmpdir(), 'memckv-faults-'))
  scope.after(async () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

for (const place of ['TCP', 'a unix socket']) {
  test(`kill -9 under load and restart in the same place, ${place}`, async (scope) => {
    const random = new Random(testSeed())
    const folder = folderFor(scope)
    const portFile = join(folder, 'ports')
    const path = join(folder, 'socket')
    const listen =
      place === 'TCP' ? ['-l', '127.0.0.1', '-p', String(await freePort())] : ['-s', path]
    let slowest = 0
    const start = async (): Promise<Server> => {
      const began = performance.now()
      const environment = { MEMCACHED_PORT_FILENAME: portFile }
      const server = await Server.start(scope, {
        flags: ['-t', '4', '-m', '256'],
        listen,
        environment,
      })
      slowest = Math.max(slowest, performance.now() - began)
      return server
    }
    let server = await start()
    const load = new Load(scope, server)
    for (let kill = 0; kill < KILLS; kill++) {
      await load.replies(1000)
      await pause(random.below(50))
      assert.equal((await server.stop('SIGKILL')).signal, 'SIGKILL')
      assert.equal(existsSync(path), place !== 'TCP')
      load.oracle.life++
      server = await start()
      if (place === 'TCP') assert.match(readFileSync(portFile, 'latin1'), /^TCP INET: \d+\n$/)
    }
    await load.replies(1000)
    const { replies, hits, torn, resets, ends, unanswered } = await load.end()
    report(`kill -9, ${place}`, {
      kills: KILLS,
      replies,
      hits,
      'cut off': resets + ends,
      'of these within a reply': torn,
      'sent again': unanswered,
      'slowest start': `${Math.round(slowest)} ms`,
    })
  })
}

/**
 * What a worker does, and what the process says at its end. When the control thread happens to wait
 * for the lock of a worker that has died, it sees the silence first.
 */
const WORKER_FAULTS: readonly (readonly [fault: string, ...statuses: number[]])[] = [
  ['throw', EXIT.workerDied.status],
  ['loop', EXIT.workerWedged.status],
  ['die-locked', EXIT.workerDied.status, EXIT.workerWedged.status],
  ['hang-locked', EXIT.workerWedged.status],
]
const HEARTBEAT_MILLISECONDS = 1000

for (const [fault, ...statuses] of WORKER_FAULTS) {
  test(`a worker that does "${fault}" under load ends the process, and clients come back`, async (scope) => {
    const port = String(await freePort())
    const options = {
      flags: ['-t', '4', '-m', '256', `--workers.heartbeatTimeout=${HEARTBEAT_MILLISECONDS}ms`],
      listen: ['-l', '127.0.0.1', '-p', port],
    }
    const faulty = await Server.start(scope, {
      ...options,
      main: FAULTY,
      environment: { PLANTED_FAULT: fault, PLANTED_FAULT_AFTER: '4000' },
    })
    const load = new Load(scope, faulty)
    const exit = await faulty.ended()
    const status = exit.code ?? -1
    assert.ok(statuses.includes(status), faulty.output())
    load.oracle.life++
    await Server.start(scope, options)
    await load.replies(1000)
    const { replies, torn, resets, ends, unanswered, longestSilence } = await load.end()
    report(`worker: ${fault}`, {
      status,
      replies,
      'cut off': resets + ends,
      'of these within a reply': torn,
      'sent again': unanswered,
      'longest without any reply': `${Math.round(longestSilence)} ms`,
    })
  })
}
