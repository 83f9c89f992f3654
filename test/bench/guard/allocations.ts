import { BulkClient } from '../bulk/bulk-client.ts'
import { ServerProcess } from '../servers/server-process.ts'
import { Probe } from '../stalls/probe-client.ts'

const COMMANDS_PER_BATCH = 100
const WARM_UP_BATCHES = 3000
const BATCHES = 2000
const SINGLES = 20_000
const KEYS = 1000
/** So large that the collector does not run while we count; it would make the difference negative. The
 * variable that is set besides keeps the server from replacing itself by one with flags of its own. */
const HEAP_FLAGS = ['--min-semi-space-size=64', '--max-semi-space-size=64']
const ATTEMPTS = 3
const VALUE = 'v'.repeat(100)

const COMMANDS = {
  set: (item: number): string => `set key-${item} 0 0 ${VALUE.length}\r\n${VALUE}\r\n`,
  get: (item: number): string => `get key-${item}\r\n`,
  mg: (item: number): string => `mg key-${item} v\r\n`,
  incr: (item: number): string => `incr number-${item % 10} 1\r\n`,
}

export interface HeapFigures {
  /** Bytes of JavaScript heap per pipelined command, by the command's word. */
  readonly pipelined: Readonly<Record<string, number>>
  /** Bytes per read from a client, with one get in it. */
  readonly single: number
  /** Messages from the worker to the control thread, over all of it. */
  readonly messages: number
}

/** What the worker's heap grows by while commands run, from the built server itself. */
export async function measureHeap(): Promise<HeapFigures> {
  const probe = new Probe('counts', 1)
  const server = await ServerProcess.start('memc-kv', probe.commandLine(64, HEAP_FLAGS), {
    environment: { GLIBC_TUNABLES: '' },
  })
  try {
    const client = await BulkClient.connect(server.port)
    await client.ask(numbers())
    const batches = Object.entries(COMMANDS).map(([word, make]) => [word, batchOf(make)] as const)
    for (const [, batch] of batches) await repeat(client, batch, WARM_UP_BATCHES)
    const watch = new HeapWatch(probe)
    const pipelined: Record<string, number> = {}
    for (const [word, batch] of batches) {
      const grown = await watch.growth(() => repeat(client, batch, BATCHES))
      pipelined[word] = grown / (BATCHES * COMMANDS_PER_BATCH)
    }
    const one = Buffer.from(COMMANDS.get(1))
    await repeat(client, one, SINGLES)
    const single = (await watch.growth(() => repeat(client, one, SINGLES))) / SINGLES
    client.close()
    return { pipelined, single, messages: watch.messages }
  } finally {
    await server.stop()
  }
}

/** What the first worker's heap grows by, and the messages it sent meanwhile. */
class HeapWatch {
  messages = 0
  readonly #probe: Probe

  constructor(probe: Probe) {
    this.#probe = probe
  }

  /**
   * The question itself costs some heap, so a pair of questions with nothing between is taken off.
   * When the collector ran meanwhile the difference says nothing, and it is tried again; when it
   * always runs, commands make that much garbage, and the figure is no number.
   */
  async growth(work: () => Promise<void>): Promise<number> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const idle = await this.#difference(async () => {})
      const grown = await this.#difference(work)
      if (!Number.isNaN(idle) && !Number.isNaN(grown)) return grown - idle
    }
    return Number.NaN
  }

  async #difference(work: () => Promise<void>): Promise<number> {
    await this.#probe.reset()
    const [before] = await this.#probe.report()
    await work()
    const [after] = await this.#probe.report()
    if (before === undefined || after === undefined) return Number.NaN
    this.messages += after.messages - before.messages
    const collected = Object.values(after.pausesByKind).length > 0
    return collected ? Number.NaN : after.heapUsed - before.heapUsed
  }
}

async function repeat(client: BulkClient, commands: Buffer, times: number): Promise<void> {
  for (let time = 0; time < times; time++) await client.ask(commands)
}

function batchOf(make: (item: number) => string): Buffer {
  const commands = Array.from({ length: COMMANDS_PER_BATCH }, (_, at) => make((at * 37) % KEYS))
  return Buffer.from(commands.join(''))
}

function numbers(): Buffer {
  return Buffer.from(
    Array.from({ length: 10 }, (_, at) => `set number-${at} 0 0 1\r\n1\r\n`).join(''),
  )
}
