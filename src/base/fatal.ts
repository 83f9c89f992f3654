import { writeSync } from 'node:fs'

/**
 * Every way the process can end on its own account: a number for the shell and Kubernetes, and a
 * sentence for people. docs/configuration.md prints this table, and a test holds them together.
 * 64 to 78 keep the meaning of sysexits.h, which memcached uses too; 80 and up are our own.
 */
export const EXIT = {
  ok: {
    status: 0,
    meaning: 'Ended as asked: by a signal, by `shutdown`, or after -h, -V, -i, --print-config.',
  },
  usage: { status: 64, meaning: 'A flag is unknown, or its value is not allowed.' },
  tlsFile: {
    status: 65,
    meaning:
      'A certificate, key or CA file for TLS is missing or malformed, or key and certificate differ.',
  },
  authFile: {
    status: 66,
    meaning:
      'A file of users (-Y, auth.usersFile) or of tokens (sidecar.tokenFile) is missing or malformed.',
  },
  internal: {
    status: 70,
    meaning: 'A bug in memc-kv: an assertion failed or an error was not caught.',
  },
  noListen: {
    status: 71,
    meaning: 'Cannot listen: port in use, unknown host, foreign address, or no permission.',
  },
  portFile: { status: 73, meaning: 'The file named by MEMCACHED_PORT_FILENAME cannot be written.' },
  config: {
    status: 78,
    meaning: 'The configuration file or the environment holds something that is not allowed.',
  },
  workerDied: {
    status: 80,
    meaning: 'A worker thread ended unexpectedly; it may have held a lock, so the process ends.',
  },
  workerWedged: {
    status: 81,
    meaning: 'A worker thread made no progress for workers.heartbeatTimeout.',
  },
  outOfMemory: {
    status: 82,
    meaning: 'The memory for items cannot be reserved, or a JavaScript heap is exhausted.',
  },
  noDescriptors: {
    status: 83,
    meaning: 'Fewer file descriptors are allowed than -c connections need.',
  },
  startTimeout: { status: 84, meaning: 'A worker thread did not begin to listen in time.' },
  interrupted: { status: 130, meaning: 'A second SIGINT cut the orderly stop short.' },
  terminated: { status: 143, meaning: 'A second SIGTERM or SIGUSR1 cut the orderly stop short.' },
} as const

export type ExitReason = keyof typeof EXIT

/** Tells whoever reads the logs why the process ends. Must be done when it returns. */
export type FatalSink = (reason: ExitReason, detail: string) => void

let sink: FatalSink = writeStandardError

/** Once there is a logger, the last words go to it. */
export function setFatalSink(next: FatalSink): void {
  sink = next
}

/** The operator's mistake, or an end that no code can mend: one line, then the reason's own exit status. */
export function fatal(reason: ExitReason, detail: string): never {
  try {
    sink(reason, detail)
  } catch {
    // Nobody is left to tell; the exit status still says why.
  }
  process.exit(EXIT[reason].status)
}

function writeStandardError(_reason: ExitReason, detail: string): void {
  writeSync(2, `memc-kv: ${oneLine(detail)}\n`)
}

/** Control characters as escapes: a message made from somebody's input stays one line. */
export function oneLine(text: string): string {
  return text.replace(
    /\p{Cc}/gu,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}
