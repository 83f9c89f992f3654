import { addressGroup } from './address-group.ts'

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
/** Logins of one address, and of all together, that may wait at the same time. */
export const WAITING_PER_ADDRESS_MAX = 16
export const WAITING_MAX = 512

interface Entry {
  failures: number
  /** When `failures` was right. */
  since: number
  /** When the next login of this address may be looked at. */
  next: number
  waiting: number
}

/**
 * Makes guessing slow, by address (IPv6: by /64): after two failures the logins of an address are looked
 * at one after another, 100 ms apart after the third, then 200, 400, … 2000 ms. It is the looking that
 * waits, not the answer: a guesser who took silence for a no would not wait for an answer. Nobody is
 * locked out, and other addresses notice nothing.
 */
export class SlowDown {
  readonly #entries = new Map<string, Entry>()
  #waiting = 0

  get waiting(): number {
    return this.#waiting
  }

  /** Whether logins of this address wait. */
  isSlow(address: string, now: number): boolean {
    const entry = this.#entries.get(addressGroup(address))
    return entry !== undefined && (entry.next > now || delayAfter(failuresOf(entry, now)) > 0)
  }

  /** Whether there is any such address; forgets those with nothing held against them. */
  anySlow(now: number): boolean {
    for (const [group, entry] of this.#entries) {
      if (entry.waiting === 0 && failuresOf(entry, now) === 0) this.#entries.delete(group)
    }
    for (const entry of this.#entries.values()) {
      if (entry.next > now || delayAfter(failuresOf(entry, now)) > 0) return true
    }
    return false
  }

  /**
   * A place for one more login: how many milliseconds it waits, or -1 when too many wait already. Each
   * place taken is given back by `leave`.
   */
  enter(address: string, now: number): number {
    const entry = this.#take(address, now)
    if (entry.waiting >= WAITING_PER_ADDRESS_MAX || this.#waiting >= WAITING_MAX) return -1
    entry.waiting++
    this.#waiting++
    // Behind those that wait already.
    entry.next = Math.max(now, entry.next) + delayAfter(failuresOf(entry, now))
    return entry.next - now
  }

  leave(address: string, failed: boolean, now: number): void {
    const entry = this.#take(address, now)
    this.#waiting--
    entry.waiting = Math.max(0, entry.waiting - 1)
    if (!failed) {
      if (entry.waiting === 0 && failuresOf(entry, now) === 0) {
        this.#entries.delete(addressGroup(address))
      }
      return
    }
    entry.failures = Math.min(FAILURES_MAX, failuresOf(entry, now) + 1)
    entry.since = now
  }

  /** The entry of an address, as the one that was heard of last. */
  #take(address: string, now: number): Entry {
    const group = addressGroup(address)
    const entry = this.#entries.get(group) ?? { failures: 0, since: now, next: now, waiting: 0 }
    this.#entries.delete(group)
    this.#entries.set(group, entry)
    if (this.#entries.size > ADDRESSES_MAX) this.#forgetOldest()
    return entry
  }

  /** Those that wait are fewer than the table is long. */
  #forgetOldest(): void {
    for (const [group, entry] of this.#entries) {
      if (entry.waiting > 0) continue
      this.#entries.delete(group)
      return
    }
  }
}

function failuresOf({ failures, since }: Entry, now: number): number {
  return Math.max(0, failures - Math.floor((now - since) / FORGIVE_MILLISECONDS))
}

function delayAfter(failures: number): number {
  if (failures < FREE_FAILURES) return 0
  const delay = FIRST_DELAY_MILLISECONDS * 2 ** (failures - FREE_FAILURES)
  return Math.min(DELAY_MILLISECONDS_MAX, delay)
}
