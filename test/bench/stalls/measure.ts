import { fork } from 'node:child_process'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ServerProcess } from '../servers/server-process.ts'
import type { PlainHistogram } from './log-histogram.ts'
import type { ThreadTimes } from './machine-noise.ts'
import { stolenMilliseconds, threadTimes, timesBetween } from './machine-noise.ts'
import { Probe } from './probe-client.ts'
import type { ThreadReport } from './probe-report.ts'
import { Traffic } from './traffic.ts'

export interface StallPlan {
  readonly memoryMib: number
  readonly workers: number
  readonly commandsPerSecond: number
  readonly connections: number
  readonly warmUpSeconds: number
  readonly seconds: number
  readonly seed: number
}

export interface StallResult {
  readonly plan: StallPlan
  readonly threads: readonly (ThreadReport & { times: ThreadTimes })[]
  /** How late an idle process beside the server was. */
  readonly bystander: PlainHistogram
  readonly seconds: number
  readonly commands: number
  readonly scrapes: number
  readonly evictions: number
  readonly swept: number
  readonly stolenMilliseconds: number
}

/**
 * Twice the same: timing every read and lock takes time and makes garbage, so the event loops and the
 * collector are watched in a run without it.
 */
export async function measureStalls(plan: StallPlan): Promise<StallResult> {
  console.error('first run: event loops and the collector, with nothing else watched')
  const loops = await run(plan, 'loop')
  console.error('second run: reads and locks')
  const stalls = await run(plan, 'stalls')
  return {
    ...loops,
    threads: loops.threads.map((thread, index) => {
      const { readTurn, busyReadTurn, hold, busyHold, wait, makeRoom } = stalls.threads[index]!
      return { ...thread, readTurn, busyReadTurn, hold, busyHold, wait, makeRoom }
    }),
  }
}

async function run(plan: StallPlan, watch: 'loop' | 'stalls'): Promise<StallResult> {
  const probe = new Probe(watch, plan.workers)
  const server = await ServerProcess.start('memc-kv', probe.commandLine(plan.memoryMib))
  const bystander = new Bystander()
  const traffic = new Traffic({ ...plan, port: server.port })
  try {
    console.error(`filling ${plan.memoryMib} MiB, seed ${plan.seed}`)
    await traffic.fill()
    console.error(`warming up for ${plan.warmUpSeconds} s at ${plan.commandsPerSecond} commands/s`)
    await traffic.start()
    await sleep(plan.warmUpSeconds * 1000)
    const measured = await measure(plan, { pid: server.pid, probe, traffic, bystander })
    await traffic.stop()
    return measured
  } finally {
    bystander.kill()
    await server.stop()
  }
}

async function measure(
  plan: StallPlan,
  parts: { pid: number; probe: Probe; traffic: Traffic; bystander: Bystander },
): Promise<StallResult> {
  const { pid, probe, traffic, bystander } = parts
  const before = await probe.report()
  await probe.reset()
  bystander.reset()
  const timesBefore = before.map(({ thread }) => threadTimes(pid, thread))
  const stolenBefore = stolenMilliseconds()
  const { sent, scrapes } = traffic
  const started = performance.now()
  console.error(`measuring for ${plan.seconds} s`)
  await sleep(plan.seconds * 1000)
  const after = await probe.report()
  const seconds = (performance.now() - started) / 1000
  const figure = (threads: readonly ThreadReport[], name: string): number =>
    threads[0]?.figures[name] ?? 0
  return {
    plan,
    seconds,
    threads: after.map((thread, index) => ({
      ...thread,
      times: timesBetween(timesBefore[index]!, threadTimes(pid, thread.thread)),
    })),
    bystander: await bystander.finish(),
    commands: traffic.sent - sent,
    scrapes: traffic.scrapes - scrapes,
    evictions: figure(after, 'evictions') - figure(before, 'evictions'),
    swept: figure(after, 'swept') - figure(before, 'swept'),
    stolenMilliseconds: stolenMilliseconds() - stolenBefore,
  }
}

class Bystander {
  readonly #child = fork(resolve(import.meta.dirname, 'bystander.ts'), { stdio: 'inherit' })

  reset(): void {
    this.#child.send('reset')
  }

  finish(): Promise<PlainHistogram> {
    return new Promise((settle, fail) => {
      this.#child.once('message', (histogram) => settle(histogram as PlainHistogram))
      this.#child.once('error', fail)
      this.#child.send('finish')
    })
  }

  kill(): void {
    this.#child.kill()
  }
}
