import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface MemtierResult {
  readonly operations: number
  readonly seconds: number
  /** Of one that sends the next command when it has the reply: waiting is hidden in it. */
  readonly p99Microseconds: number | null
}

interface Output {
  readonly 'ALL STATS': {
    readonly Totals: {
      readonly Count?: number
      readonly 'Ops/sec': number
      readonly 'Percentile Latencies'?: Readonly<Record<string, number>>
    }
  }
}

/** One run of memtier_benchmark against a port of this machine, over the seed's 100,000 keys. */
export async function runMemtier(
  program: string,
  port: number,
  load: readonly string[],
): Promise<MemtierResult> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-memtier-'))
  const file = join(folder, 'out.json')
  try {
    const started = performance.now()
    await finish(program, [
      ...['--hide-histogram', '--protocol=memcache_text', '--server=127.0.0.1', `--port=${port}`],
      ...['--generate-keys', '--key-maximum=100000', '--key-prefix=key-', '--randomize'],
      ...['--distinct-client-seed', `--json-out-file=${file}`],
      ...load,
    ])
    // The run's own "Total duration" is less than its CPU time allows; the wall clock is not wrong,
    // though it has the second in it that memtier waits for its threads.
    const seconds = (performance.now() - started) / 1000
    const all = (JSON.parse(readFileSync(file, 'utf8')) as Output)['ALL STATS']
    const p99 = all.Totals['Percentile Latencies']?.['p99.00']
    return {
      operations: all.Totals.Count ?? Math.round(all.Totals['Ops/sec'] * seconds),
      seconds,
      p99Microseconds: p99 === undefined ? null : p99 * 1000,
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function finish(program: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'ignore' })
    child.once('error', reject)
    child.once('exit', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`${program} ended with ${code}`))
    })
  })
}
