import assert from 'node:assert/strict'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { buildSync } from 'esbuild'
import type { Client } from '../support/client.ts'
import { until } from '../support/deadline.ts'
import type { Server } from '../support/server.ts'

/** Which of the two ways to a client the server uses: see src/worker/wire.ts. */
export type WireKind = 'raw' | 'stream'

export const WIRES: readonly WireKind[] = ['raw', 'stream']

const ROOT = resolve(import.meta.dirname, '../..')
const PRELOAD = new URL('./server-preload.ts', import.meta.url).href

/** The environment of a server whose wire a test chooses and whose store it may check. */
export function hooked(wire: WireKind): Record<string, string> {
  return { NODE_OPTIONS: `--import=${PRELOAD}`, MEMCKV_TEST_WIRE: wire }
}

/**
 * The same for a built server, which must not load the compiler that the sources need: it would count
 * as the server's memory.
 */
export function hookedBuild(): Record<string, string> {
  const folder = join(ROOT, 'dist/.hook')
  buildSync({
    entryPoints: { preload: fileURLToPath(PRELOAD), store: join(ROOT, 'src/store/store.ts') },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    platform: 'node',
  })
  return {
    NODE_OPTIONS: `--import=${pathToFileURL(join(folder, 'preload.mjs')).href}`,
    MEMCKV_TEST_STORE: pathToFileURL(join(folder, 'store.mjs')).href,
  }
}

/**
 * Walks the whole store of a server that was started with `hooked` and has nothing to do.
 *
 * @returns pages that belong to no item: uploads under way and values that somebody still reads
 */
export async function checkStore(server: Server): Promise<number> {
  const before = outcomes(server).length
  server.child.kill('SIGUSR2')
  const line = await until(
    () => outcomes(server)[before] ?? null,
    () => `the store was not checked; the server wrote:\n${server.output()}`,
  )
  const found: unknown = JSON.parse(line)
  assert.ok(typeof found === 'object' && found !== null, `the store is broken: ${String(found)}`)
  return (found as { pagesLeft: number }).pagesLeft
}

/** A connection for questions about the server, which several clients ask: one after the other. */
export class Monitor {
  readonly #client: Client
  #last: Promise<unknown> = Promise.resolve()

  constructor(client: Client) {
    this.#client = client
  }

  stats(argument = ''): Promise<Map<string, string>> {
    const asked = this.#last.then(() => this.#client.stats(argument))
    this.#last = asked.catch(() => {})
    return asked
  }

  close(): void {
    this.#client.close()
  }
}

function outcomes(server: Server): string[] {
  const complete = server.output().split('\n').slice(0, -1)
  const mark = 'store-check '
  return complete.filter((line) => line.startsWith(mark)).map((line) => line.slice(mark.length))
}

/** What the server says at its start when it runs on stream-wire.ts. */
const STREAM_WARNING = 'using net.Socket'

/** Lines of the log that no healthy server writes. */
export function complaints(server: Server): string[] {
  return server
    .output()
    .split('\n')
    .filter((line) => /"level":"(warn|error|fatal)"|Error|assert/i.test(line))
    .filter((line) => !line.includes(STREAM_WARNING))
}

/** Which wire the server says it uses. */
export function wireOf(server: Server): WireKind {
  return server.output().includes(STREAM_WARNING) ? 'stream' : 'raw'
}
