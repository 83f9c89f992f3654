import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { Random } from '../support/seed.ts'
import type { Recorded, RoundPlan } from './recorder.ts'
import { recordRound } from './round.ts'

/** One thread's part of a round. */
export interface Task {
  readonly plan: Omit<RoundPlan, 'nextId'>
  readonly clients: number
  readonly name: string
  readonly seed: number
}

/** Which numbers for values a thread may give out: from the first on, in steps. */
interface Ids {
  readonly first: number
  readonly step: number
}

/** A thread with clients of its own, so that clients do not only take turns in one loop. */
export class ClientThread {
  readonly #worker: Worker

  constructor(ids: Ids) {
    this.#worker = new Worker(new URL(import.meta.url), { workerData: { consistencyIds: ids } })
  }

  /** `once` also fails with the thread. */
  async record(task: Task): Promise<readonly Recorded[]> {
    this.#worker.postMessage(task)
    const [history] = await once(this.#worker, 'message')
    return history as readonly Recorded[]
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }
}

function serve({ first, step }: Ids): void {
  let id = first
  const nextId = (): number => {
    id += step
    return id
  }
  parentPort?.on('message', (task: Task) => {
    const { plan, clients, name, seed } = task
    void recordRound({ ...plan, nextId }, clients, name, new Random(seed)).then((history) =>
      parentPort?.postMessage(history),
    )
  })
}

if (!isMainThread && workerData?.consistencyIds !== undefined) {
  serve(workerData.consistencyIds as Ids)
}
