import { addressGroup } from './address-group.ts'
import { Places } from './places.ts'

/** Failures that cost nothing: a slip, and a client that tries twice. */
const FREE_FAILURES = 2
const FIRST_DELAY_MILLISECONDS = 100
export const DELAY_MILLISECONDS_MAX = 2000
/** One failure is forgiven for each such time without another. */
const FORGIVE_MILLISECONDS = 10_000
/** More are not held against an address, so that after 200 s all is forgiven. */
const FAILURES_MAX = 20

/** Addresses that are remembered; beyond them the one forgets that was heard of longest ago. */
export const ADDRESSES_MAX = 4096
/**
 * Logins of one address, of one network and of all together that may wait at the same time. Those that
 * do not have to wait need no place, so that guessers who take all of them are in nobody else's way.
 */
export const WAITING_PER_ADDRESS_MAX = 16
export const WAITING_PER_NETWORK_MAX = 64
export const WAITING_MAX = 512

interface Entry {
  failures: number
  /** When `failures` was right. */
  since: number
  /** When the next login of this address may be looked at. */
  next: number
}

/**
 * Makes guessing slow, by address (IPv6: by /64): after two failures the logins of an address are looked
 * at one after another, 100 ms apart after the third, then 200, 400, … 2000 ms. It is the looking that
 * waits, not the answer: a guesser who took silence for a no would not wait for an answer. Nobody is
 * locked out, and other addresses notice nothing.
 */
export class SlowDown {
  readonly #entries = new Map<string, Entry>()
  readonly #waiting = new Places({
    all: WAITING_MAX,
    ofGroup: WAITING_PER_ADDRESS_MAX,
    ofNetwork: WAITING_PER_NETWORK_MAX,
  })

  get waiting(): number {
    return this.#waiting.taken
  }

  /** Whether logins of this address wait. */
  isSlow(address: string, now: number): boolean {
    const entry = this.#entries.get(addressGroup(address))
    return entry !== undefined && isEntrySlow(entry, now)
  }

  /** Whether there is any such address; forgets those with nothing held against them. */
  anySlow(now: number): boolean {
    for (const [group, entry] of this.#entries) {
      const isHeld = this.#waiting.isHeldBy(group)
      if (!isHeld && failuresOf(entry, now) === 0) this.#entries.delete(group)
    }
    for (const entry of this.#entries.values()) if (isEntrySlow(entry, now)) return true
    return false
  }

  /**
   * How many milliseconds one more login waits; -1 when too many wait already. Whoever has waited says
   * so to `leave`.
   */
  enter(address: string, now: number): number {
    const group = addressGroup(address)
    const entry = this.#entries.get(group)
    if (entry === undefined || !isEntrySlow(entry, now)) return 0
    this.#touch(group, entry)
    if (!this.#waiting.hasRoomFor(address)) return -1
    this.#waiting.take(address)
    // Behind those that wait already.
    entry.next = Math.max(now, entry.next) + delayAfter(failuresOf(entry, now))
    return entry.next - now
  }

  /** Its wait is over. */
  leave(address: string): void {
    this.#waiting.giveBack(address)
  }

  /** A login of this address was wrong. */
  fail(address: string, now: number): void {
    const group = addressGroup(address)
    const entry = this.#entries.get(group) ?? { failures: 0, since: now, next: now }
    entry.failures = Math.min(FAILURES_MAX, failuresOf(entry, now) + 1)
    entry.since = now
    this.#touch(group, entry)
    if (this.#entries.size > ADDRESSES_MAX) this.#forgetOldest()
  }

  /** It is the one that was heard of last. */
  #touch(group: string, entry: Entry): void {
    this.#entries.delete(group)
    this.#entries.set(group, entry)
  }

  /** Those that wait are fewer than the table is long. */
  #forgetOldest(): void {
    for (const group of this.#entries.keys()) {
      if (this.#waiting.isHeldBy(group)) continue
      this.#entries.delete(group)
      return
    }
  }
}

function isEntrySlow(entry: Entry, now: number): boolean {
  return entry.next > now || delayAfter(failuresOf(entry, now)) > 0
}

function failuresOf({ failures, since }: Entry, now: number): number {
  return Math.max(0, failures - Math.floor((now - since) / FORGIVE_MILLISECONDS))
}

function delayAfter(failures: number): number {
  if (failures < FREE_FAILURES) return 0
  const delay = FIRST_DELAY_MILLISECONDS * 2 ** (failures - FREE_FAILURES)
  return Math.min(DELAY_MILLISECONDS_MAX, delay)
}
