import { RUNTIME, WATCH } from '../base/runtime.ts'
import { TRACE_KIND } from '../telemetry/trace-ring.ts'
import type { WorkerParts } from './parts.ts'
import type { PeerAddress } from './wire.ts'

/** In place of a CLOSE_REASON: the connection begins. */
export const EVENT_NEW = -1

interface ConnectionIdentity {
  readonly number: number
  readonly peer: PeerAddress
}

/** Tell those who `watch connevents` that a connection began or ended. */
export function emitConnectionEvent(
  parts: WorkerParts,
  connection: ConnectionIdentity,
  reason: number,
): void {
  const { runtime, events } = parts
  if (runtime[RUNTIME.logConnections] === 1) logConnection(parts, connection, reason)
  if ((runtime[RUNTIME.watchMask]! & WATCH.connevents) === 0) return
  const { address, port, local } = connection.peer
  events.connectionNumber = connection.number
  events.address = address
  events.port = port
  events.local = local
  if (reason === EVENT_NEW) {
    events.emitConnNew()
    return
  }
  events.reason = reason
  events.emitConnClose()
}

/** For the log: the control thread writes the line. */
function logConnection(
  { recorder }: WorkerParts,
  connection: ConnectionIdentity,
  reason: number,
): void {
  const { address, port } = connection.peer
  recorder.beganAt = performance.now()
  recorder.milliseconds = 0
  recorder.connectionNumber = connection.number
  recorder.address = address
  recorder.port = port
  recorder.errorLine = reason
  recorder.keyLength = 0
  recorder.parent = null
  recorder.emit(reason === EVENT_NEW ? TRACE_KIND.connectionNew : TRACE_KIND.connectionClose)
}
