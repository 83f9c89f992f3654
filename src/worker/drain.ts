import type { Connection } from './connection.ts'

/**
 * The orderly end of a worker's connections: they are closed one after another over a window, so
 * that their clients do not all reconnect elsewhere in the same instant. Each is closed between two
 * commands.
 */
export class Drain {
  readonly #timers: NodeJS.Timeout[] = []

  constructor(
    connections: readonly Connection[],
    windowMilliseconds: number,
    close: (connection: Connection) => void,
  ) {
    for (const [index, connection] of connections.entries()) {
      const delay = (windowMilliseconds * (index + 1)) / (connections.length + 1)
      this.#timers.push(setTimeout(() => close(connection), delay))
    }
  }

  cancel(): void {
    for (const timer of this.#timers) clearTimeout(timer)
  }
}
