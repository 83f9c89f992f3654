import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildIfOlder } from '../bench/servers/build.ts'
import type { Client } from '../support/client.ts'
import { pause, until, within } from '../support/deadline.ts'
import type { Attack } from './attacks.ts'
import { ATTACKS, BIG_BYTES, BIG_COUNT } from './attacks.ts'
import { CACHE_MIB, containerBytes, promisedBytes } from './container.ts'
import type { Tally } from './crowd.ts'
import type { ProbeReport } from './probe.ts'
import { Victim } from './victim.ts'

const USAGE = `npm run test:overload -- [options] [ATTACK …]

Attacks a built server that runs as the chart would run it: its memory limit, its heap, the sidecar.
Prints for each attack what memory it took, whom it shut out, and how long others had to wait; fails
when the server was ended, was wrong, left somebody without an answer or kept what it should give back.
Attacks: ${ATTACKS.map(({ name }) => name).join(', ')}

  --memcached PATH  attack that instead; nothing is promised then
  --json            one object a line
`

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    memcached: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

const MIB = 2 ** 20
const BEFORE_MILLISECONDS = 2000
/** Others' connections, and those for questions. */
const DESCRIPTORS_SLACK = 4
const UNDER_WAY_MILLISECONDS = 20_000
/** How long buffers and descriptors may take to come back when the attackers are gone. */
const RECOVERY_MILLISECONDS = 15_000

const COLUMNS = [
  'attack',
  'resident before, peak, of promised MiB',
  'container, sockets, of MiB',
  "others' p50 · p99 · max ms before",
  'during',
  'misses',
  'what the server did',
]

interface Outcome {
  readonly attack: string
  readonly residentBeforeMib: number
  readonly residentPeakMib: number
  readonly promisedMib: number
  readonly memoryPeakMib: number
  readonly socketPeakMib: number
  readonly sumPeakMib: number
  readonly containerMib: number
  readonly oomKills: number
  readonly before: ProbeReport
  readonly during: ProbeReport
  readonly attackers: Tally
  readonly counted: Readonly<Record<string, number>>
  /** What must not be. */
  readonly failures: readonly string[]
  /** What is not as one would wish: docs/reliability.md speaks of it. */
  readonly notes: readonly string[]
}

async function main(attacks: readonly Attack[]): Promise<void> {
  if (options.memcached === undefined) buildIfOlder()
  let failed = 0
  printHead()
  for (const attack of attacks) {
    if (attack.oursOnly === true && options.memcached !== undefined) continue
    const outcome = await undergo(attack)
    print(outcome, attack)
    if (outcome.failures.length > 0) failed++
  }
  if (failed > 0 && options.memcached === undefined) process.exitCode = 1
}

async function undergo(attack: Attack): Promise<Outcome> {
  const { connections, cacheMib = CACHE_MIB, flags = [] } = attack
  const memcached = options.memcached ?? null
  const victim = await Victim.start({ memcached, connections, cacheMib, flags })
  const children: ChildProcess[] = []
  const failures: string[] = []
  const notes: string[] = []
  try {
    const monitor = await victim.connect()
    await fill(victim, cacheMib)
    const probe = child('probe.ts', [String(victim.port)])
    children.push(probe)
    await pause(1000)
    await ask<ProbeReport>(probe)
    await pause(BEFORE_MILLISECONDS)
    const before = await ask<ProbeReport>(probe)
    const descriptors = victim.descriptors
    const residentBefore = victim.resident
    const attacker = child('attacker.ts', [
      attack.name,
      String(victim.port),
      String(victim.sidecarPort),
    ])
    children.push(attacker)
    await until(
      async () => (await ask<Tally>(attacker)).underWay,
      () => 'the attackers do not get through',
      UNDER_WAY_MILLISECONDS,
    ).catch((error: unknown) => failures.push(String(error)))
    await pause(attack.seconds * 1000)
    const during = await ask<ProbeReport>(probe)
    const attackers = await ask<Tally>(attacker)
    attacker.disconnect()
    await recover(victim, monitor, descriptors, failures)
    judgeProbe(during, failures, notes)
    const counted = victim.exit === null ? await countedBy(victim, monitor) : {}
    const residentPeak = victim.exit === null ? victim.residentPeak : Number.NaN
    const charged = victim.charged()
    const promised = promisedBytes(cacheMib, connections)
    const container = containerBytes(cacheMib, connections)
    if (residentPeak > promised) notes.push('more resident memory than promised')
    if (charged !== null && charged.memoryPeak >= container) failures.push('the container is full')
    if (charged !== null && charged.sumPeak > container) {
      notes.push('with the buffers of sockets more than the container, at the peak')
    }
    if (charged !== null && charged.oomKills > 0) failures.push('OOM-killed')
    return {
      attack: attack.name,
      residentBeforeMib: inMib(residentBefore),
      residentPeakMib: inMib(residentPeak),
      promisedMib: inMib(promised),
      memoryPeakMib: inMib(charged?.memoryPeak ?? Number.NaN),
      socketPeakMib: inMib(charged?.socketPeak ?? Number.NaN),
      sumPeakMib: inMib(charged?.sumPeak ?? Number.NaN),
      containerMib: inMib(container),
      oomKills: charged?.oomKills ?? 0,
      before,
      during,
      attackers,
      counted,
      failures,
      notes,
    }
  } catch (error) {
    const charged = JSON.stringify(victim.charged())
    throw new Error(
      `${attack.name}: server ended ${victim.exit}, ${charged}:\n${victim.output.slice(-2000)}`,
      { cause: error },
    )
  } finally {
    for (const process of children) process.kill('SIGKILL')
    await victim.end()
  }
}

/** Memory for items is full before the attack begins, and the values it asks for are there. */
async function fill(victim: Victim, cacheMib: number): Promise<void> {
  const client = await victim.connect()
  const small = 'f'.repeat(900)
  const count = Math.floor((cacheMib * MIB) / 1000)
  for (let index = 0; index < count; ) {
    let text = ''
    for (const end = Math.min(count, index + 500); index < end; index++) {
      text += `set small:${index} 0 0 900 noreply\r\n${small}\r\n`
    }
    client.send(`${text}mn\r\n`)
    await client.expect('MN\r\n')
  }
  const big = 'b'.repeat(BIG_BYTES)
  for (let index = 0; index < BIG_COUNT; index++) {
    client.send(`set big:${index} 0 0 ${BIG_BYTES}\r\n${big}\r\n`)
    await client.expect('STORED\r\n')
  }
  client.close()
}

/** When the attackers are gone: everything they had is back, and the server does what it should. */
async function recover(
  victim: Victim,
  monitor: Client,
  descriptors: number,
  failures: string[],
): Promise<void> {
  if (victim.exit !== null) {
    failures.push(`the server ended: ${victim.exit}\n${victim.output.slice(-2000)}`)
    return
  }
  let left = ''
  try {
    await until(
      async () => {
        const stats = await monitor.stats()
        const figure = (name: string): number => Number(stats.get(name) ?? 0)
        const open = victim.descriptors - descriptors
        left = `${open} descriptors, ${figure('read_buf_bytes')} bytes of input and ${figure('response_obj_bytes')} of output`
        const outputLeft = figure('response_obj_bytes') > 17 * 2 * 65_536
        const ours = options.memcached === undefined
        return open <= DESCRIPTORS_SLACK && !(ours && (figure('read_buf_bytes') > 0 || outputLeft))
      },
      () => left,
      RECOVERY_MILLISECONDS,
    )
  } catch {
    failures.push(`not given back: ${left}`)
  }
  const client = await victim.connect()
  client.send('set after 0 0 5\r\nhello\r\nget after\r\nincr after 1\r\ndelete after\r\n')
  try {
    await client.expect(
      'STORED\r\nVALUE after 0 5\r\nhello\r\nEND\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\nDELETED\r\n',
    )
  } catch (error) {
    failures.push(`wrong afterwards: ${String(error)}`)
  }
  client.close()
}

function judgeProbe(during: ProbeReport, failures: string[], notes: string[]): void {
  if (during.wrong > 0) failures.push(`${during.wrong} wrong replies: ${during.firstWrong}`)
  if (during.lost > 0) notes.push(`${during.lost} connections of others were closed`)
  if (during.waiting > 0) failures.push(`${during.waiting} requests of others were not answered`)
  if (during.refused > 0) notes.push(`${during.refused} sets of others were refused`)
}

/** What the server itself says it did about it. */
async function countedBy(victim: Victim, monitor: Client): Promise<Record<string, number>> {
  const stats = await monitor.stats()
  const counted: Record<string, number> = {}
  for (const name of [
    'rejected_connections',
    'listen_disabled_num',
    'read_buf_oom',
    'response_obj_oom',
    'conn_yields',
    'log_watcher_skipped',
    'store_no_memory',
    'evictions',
  ]) {
    const value = Number(stats.get(name) ?? 0)
    if (value > 0) counted[name] = value
  }
  if (options.memcached === undefined) {
    const text = await (await fetch(`http://127.0.0.1:${victim.sidecarPort}/metrics`)).text()
    for (const [, reason, value] of text.matchAll(
      /^memckv_connections_closed_total\{reason="(\w+)"\} (\d+)/gm,
    )) {
      if (reason !== 'normal' && Number(value) > 0) counted[`closed ${reason}`] = Number(value)
    }
  }
  return counted
}

function child(file: string, argv: readonly string[]): ChildProcess {
  return fork(resolve(import.meta.dirname, file), argv, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
}

async function ask<T>(process: ChildProcess): Promise<T> {
  const answer = once(process, 'message')
  process.send('?')
  const [message] = await within(answer, () => 'a child does not answer', 30_000)
  return message as T
}

function inMib(bytes: number): number {
  return Math.round(bytes / MIB)
}

function printHead(): void {
  if (options.json) return
  console.log(`| ${COLUMNS.join(' | ')} |`)
  console.log(`|${' --- |'.repeat(COLUMNS.length)}`)
}

function print(outcome: Outcome, attack: Attack): void {
  if (options.json) {
    console.log(JSON.stringify(outcome))
    return
  }
  const { before, during, counted, attackers } = outcome
  const waits = ({ p50, p99, max }: ProbeReport): string =>
    [p50, p99, max].map((value) => value.toFixed(1)).join(' · ')
  const did = Object.entries(counted).map(([name, value]) => `${name} ${value}`)
  const cells = [
    attack.what,
    `${outcome.residentBeforeMib}, ${outcome.residentPeakMib} of ${outcome.promisedMib}`,
    `${outcome.memoryPeakMib} + ${outcome.socketPeakMib}, ${outcome.sumPeakMib} of ${outcome.containerMib}`,
    waits(before),
    waits(during),
    `${during.misses} of ${during.sent}`,
    did.join(', '),
  ]
  console.log(`| ${cells.join(' | ')} |`)
  console.log(`  ${outcome.attack}: attackers ${JSON.stringify(attackers)}`)
  for (const note of outcome.notes) console.log(`  note ${outcome.attack}: ${note}`)
  for (const failure of outcome.failures) console.log(`  FAILED ${outcome.attack}: ${failure}`)
}

if (options.help) {
  console.log(USAGE)
} else {
  const chosen = ATTACKS.filter(
    ({ name }) => positionals.length === 0 || positionals.includes(name),
  )
  await main(chosen)
}
