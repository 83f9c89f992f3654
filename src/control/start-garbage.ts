/** By then a probe and a scrape have been answered once, and what they loaded is there. */
const DELAY_MILLISECONDS = 2000

/** What `--expose-gc` (launch.ts) gives to everybody. */
type Collect = (options: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void

/**
 * Loading code makes the garbage of a lifetime: sources, syntax trees, byte code that ran once. V8
 * would keep it, since afterwards hardly anything is allocated that could make it collect. One thorough
 * collection of the control thread gives 6 MiB back to the system and takes it some 40 ms, in which no
 * worker waits for it. Without the flag nothing happens.
 */
export function collectStartGarbage(): void {
  const { gc } = globalThis as { readonly gc?: Collect }
  if (gc === undefined) return
  const collect = (): void => gc({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  setTimeout(collect, DELAY_MILLISECONDS).unref()
}
