import { Worker } from 'node:worker_threads'
import type { CoverageResult, CoverageTask } from './coverage-thread.ts'

/** Of the inputs, how many go to the whole worker; the parser alone takes the rest in much less time. */
const SERVER_SHARE = 0.1

/**
 * Fuzzing that looks at where the inputs went: coverage-search.ts keeps those that ran code which none
 * before them ran. First the parser alone, then a worker with everything but a kernel. Each in a thread
 * of its own, because only code that is compiled after counting began is counted by blocks.
 */
export async function run(seed: number, events: number): Promise<void> {
  const server = Math.max(1, Math.round(events * SERVER_SHARE))
  await runThread({ target: 'parser', seed, inputs: events - server })
  await runThread({ target: 'server', seed, inputs: server })
}

async function runThread(task: CoverageTask): Promise<void> {
  const thread = new Worker(new URL('./coverage-thread.ts', import.meta.url), { workerData: task })
  const result = await new Promise<CoverageResult>((resolve, reject) => {
    thread.once('message', resolve)
    thread.once('error', reject)
    thread.once('exit', (code) => reject(new Error(`the thread ended with ${code}`)))
  })
  for (const line of result.lines) console.log(line)
  if (result.failure !== null) throw new Error(result.failure)
}
