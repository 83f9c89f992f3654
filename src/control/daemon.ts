import { spawn } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'

/**
 * -d: the process starts itself again, detached, and waits for the word of its child over a pipe
 * between them, so that whoever called knows that the server is ready, or why it is not: what the
 * child writes to standard error is passed on, and so is its exit status. The child knows itself
 * by that pipe.
 */
export function isDaemon(): boolean {
  return process.send !== undefined
}

/** Ends this process when the child is ready, or with the child's exit status when it fails. */
export function startDaemon(): Promise<never> {
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    // Not our own standard error: whoever waits for its end would wait for the daemon's.
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  child.stderr?.pipe(process.stderr)
  return new Promise((_, reject) => {
    child.once('message', () => process.exit(0))
    child.once('close', (status) => process.exit(status ?? 1))
    child.once('error', reject)
  })
}

/** The child: ready. From here on nobody waits for it, and nothing ties it to its caller. */
export function releaseCaller(): void {
  // Nobody reads it any more.
  process.stderr.on('error', () => {})
  process.send?.('ready', () => process.disconnect())
}

/** Where it cannot be written, the server is as good as without; memcached goes on too. */
export function writePidFile(path: string): boolean {
  try {
    writeFileSync(path, `${process.pid}\n`)
    return true
  } catch {
    return false
  }
}

export function removePidFile(path: string): void {
  rmSync(path, { force: true })
}
