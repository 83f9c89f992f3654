import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { parentPort, workerData } from 'node:worker_threads'
import { Edges } from './coverage-edges.ts'
import type { Target } from './coverage-search.ts'
import { Search } from './coverage-search.ts'

/** What coverage.ts gives this thread. */
export interface CoverageTask {
  readonly target: 'parser' | 'server'
  readonly seed: number
  readonly inputs: number
}

/** What it says at its end. */
export interface CoverageResult {
  readonly failure: string | null
  readonly lines: readonly string[]
}

const FOLDERS = {
  parser: ['src/protocol/'],
  server: ['src/protocol/', 'src/commands/', 'src/worker/', 'src/auth/access'],
} as const

/** Of the worker's files, those that a connection goes through; the others want a kernel or a thread. */
const NOT_REACHED =
  /worker\/(worker|listener|gate|drain|handover|raw-wire|stream-wire)\.ts|traceparent/

const INPUT_BYTES_MAX = { parser: 2000, server: 40_000 } as const

const HEAP_GROWTH_MAX = 24 * 1024 * 1024

// Stripping types is called experimental once for each thread.
process.removeAllListeners('warning')
if (parentPort !== null) parentPort.postMessage(await work(workerData as CoverageTask))

async function work({ target: name, seed, inputs }: CoverageTask): Promise<CoverageResult> {
  const edges = new Edges(FOLDERS[name])
  const lines: string[] = []
  try {
    const target = await load(name)
    edges.isNew()
    const inputBytesMax = INPUT_BYTES_MAX[name]
    const search = new Search(target, edges, { name, seed, inputs, inputBytesMax })
    const heapBefore = heapAfterCollection()
    const start = performance.now()
    search.run()
    target.finish()
    const seconds = (performance.now() - start) / 1000
    const grown = heapAfterCollection() - heapBefore
    lines.push(
      `${name}: ${inputs} inputs in ${seconds.toFixed(1)} s, ${Math.round(inputs / seconds)}/s; ` +
        `${search.corpus.length} kept, heap ${mebibytes(grown)} MiB more`,
      ...describe(edges),
    )
    if (grown > HEAP_GROWTH_MAX) throw new Error(`the heap grew by ${mebibytes(grown)} MiB`)
    return { failure: null, lines }
  } catch (error) {
    return { failure: String((error as Error).stack), lines }
  }
}

/** Loaded only now, so that its functions have counters for their blocks. */
async function load(name: CoverageTask['target']): Promise<Target & { finish(): void }> {
  if (name === 'parser') {
    const { ParserTarget } = await import('./coverage-parser.ts')
    return Object.assign(new ParserTarget(), { finish: () => {} })
  }
  const { ServerTarget } = await import('./coverage-server.ts')
  const target = await ServerTarget.create()
  return Object.assign(target, { finish: () => target.checkStores() })
}

function describe(edges: Edges): string[] {
  const files = edges.report().filter(({ name }) => !NOT_REACHED.test(name))
  const ran = files.reduce((sum, file) => sum + file.ran, 0)
  const total = files.reduce((sum, file) => sum + file.total, 0)
  const missed = files
    .filter(({ missedLines }) => missedLines.length > 0)
    .map(({ name, missedLines }) => `  never: ${name}:${missedLines.join(',')}`)
  const percent = ((100 * ran) / Math.max(1, total)).toFixed(1)
  return [`  ${ran} of ${total} ways through ${files.length} files, ${percent} %`, ...missed]
}

function heapAfterCollection(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}

function mebibytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1)
}
