import type { Value } from './server-values.ts'
import { valueLength } from './server-values.ts'

/**
 * What a client knows of its own keys. Nobody else writes them, so after every reply only few things
 * can be true of a key: its possible worlds. A world is an item or its absence. A command leads from
 * each world to others, and the reply sorts out those that it contradicts; none left is a bug.
 *
 * An item may go by eviction (where the server's memory is small), by its time, or by somebody's
 * flush_all; so absence joins the worlds whenever one of them may have happened.
 */
export interface Item {
  readonly value: Value
  readonly flags: number
  /** Null until a reply has told it. */
  readonly cas: bigint | null
  /** The CAS is larger than this. */
  readonly casAbove: bigint
  /** Milliseconds (performance.now) from which it may, and from which it must, be expired. */
  readonly diesFrom: number
  diesBy: number
  /** Milliseconds from the answer to diesBy. */
  readonly lateness: number
  /** When the command that made it was sent, and known to be carried out, on the model's own clock. */
  readonly sentAt: number
  answeredAt: number
}

export type World = Item | null

/** Any reply at all: the command was silent, or its reply was lost with the connection. */
export const ANY = Symbol('any reply')

export interface Reply {
  readonly line: string
  readonly data: Buffer | null
}

export type Answer = Reply | typeof ANY

/** A command's worlds after it, given one before it and the reply; empty: that cannot be. */
export type Step = (world: World, answer: Answer) => World[]

export interface KeyState {
  /** As the client sends it. */
  readonly key: string
  readonly index: number
  worlds: World[]
  /** Too little was known of it; commands under way may still name it. */
  isGivenUp: boolean
}

/** A flush_all of somebody. */
export interface Flush {
  readonly client: number
  readonly sentAt: number
  answeredAt: number
}

/** With more possible worlds than this a key is given up: it proves nothing any more. */
export const WORLDS_MAX = 16

/** What all clients of one run share. */
export class Surroundings {
  /** Items may be evicted. */
  readonly lossy: boolean
  readonly flushes: Flush[] = []
  #clock = 0

  constructor(lossy: boolean) {
    this.lossy = lossy
  }

  /** Moments in the order in which they happened here. */
  moment(): number {
    this.#clock += 1
    return this.#clock
  }

  /** What may be true of a key when a command that was sent at a moment is carried out. */
  worldsBefore(state: KeyState, client: number, sentAt: number, sentMilliseconds: number): World[] {
    const worlds: World[] = []
    let mayBeAbsent = this.lossy
    const now = performance.now()
    for (const world of state.worlds) {
      if (world === null) {
        mayBeAbsent = true
        continue
      }
      const others = this.flushes.filter((flush) => flush.client !== client)
      const mustBeGone =
        world.diesBy < sentMilliseconds ||
        others.some((flush) => world.answeredAt < flush.sentAt && flush.answeredAt < sentAt)
      const mayBeGone =
        world.diesFrom <= now || others.some((flush) => flush.answeredAt > world.sentAt)
      if (mustBeGone || mayBeGone) mayBeAbsent = true
      if (!mustBeGone) worlds.push(world)
    }
    if (mayBeAbsent) worlds.push(null)
    return worlds
  }
}

/** Applies one command to one key. @returns false when the reply contradicts every world */
export function advance(state: KeyState, before: World[], step: Step, answer: Answer): boolean {
  const after = new Set<World>()
  for (const world of before) for (const next of step(world, answer)) after.add(next)
  if (after.size === 0) return false
  state.worlds = [...after]
  return true
}

export function describeWorlds(worlds: readonly World[]): string {
  return worlds
    .map((world) =>
      world === null
        ? 'absent'
        : `${valueLength(world.value)} bytes in ${world.value.length} piece(s), flags ${world.flags}, ` +
          `cas ${world.cas ?? `> ${world.casAbove}`}`,
    )
    .join(' | ')
}
