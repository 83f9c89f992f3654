import { spawn } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'

/**
 * -d: the process starts itself again, detached, and waits for the word of its child over a pipe
 * between them, so that whoever called knows that the server is ready, or why it is not: the
 * child's last line goes to the same standard error, and its exit status is passed on. The child
 * knows itself by that pipe.
 */
export function isDaemon(): boolean {
  return process.send !== undefined
}

/** Ends this process when the child is ready, or with the child's exit status when it fails. */
export function startDaemon(): Promise<never> {
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  return new Promise((_, reject) => {
    child.once('message', () => process.exit(0))
    child.once('exit', (status) => process.exit(status ?? 1))
    child.once('error', reject)
  })
}

/** The child: ready. From here on nobody waits for it, and nothing ties it to its caller. */
export function releaseCaller(): void {
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
