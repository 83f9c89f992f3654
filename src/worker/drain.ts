import type { Connection } from './connection.ts'

/**
 * The orderly end of a worker's connections: they are closed one after another over a window, so
 * that their clients do not all reconnect elsewhere in the same instant. Each is closed between two
 * commands.
 */
export function closeSpread(
  connections: readonly Connection[],
  windowMilliseconds: number,
  close: (connection: Connection) => void,
): void {
  for (const [index, connection] of connections.entries()) {
    const delay = (windowMilliseconds * (index + 1)) / (connections.length + 1)
    setTimeout(() => close(connection), delay)
  }
}
