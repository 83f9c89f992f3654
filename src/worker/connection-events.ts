import { RUNTIME, WATCH } from '../base/runtime.ts'
import type { WorkerParts } from './parts.ts'
import type { PeerAddress } from './wire.ts'

/** In place of a CLOSE_REASON: the connection begins. */
export const EVENT_NEW = -1

/** Tell those who `watch connevents` that a connection began or ended. */
export function emitConnectionEvent(
  parts: WorkerParts,
  connection: { readonly number: number; readonly peer: PeerAddress },
  reason: number,
): void {
  const { runtime, events } = parts
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
