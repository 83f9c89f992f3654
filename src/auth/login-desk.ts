import { createHmac, randomBytes } from 'node:crypto'
import { monotonicMilliseconds } from '../base/clock.ts'
import { PasswordChecker } from './password-checker.ts'
import { Recent } from './recent.ts'
import { DELAY_MILLISECONDS_MAX, SlowDown } from './slow-down.ts'
import type { Users } from './users-file.ts'

/** Pairs of name and password, and addresses from where they came, that need no hashing again. */
const PAIRS_MAX = 4096
const PLACES_MAX = 8192

export interface Login {
  readonly address: string
  readonly name: Uint8Array
  readonly password: Uint8Array
  /** The file of -Y has this pair. */
  readonly accepted: boolean
}

export interface Verdict {
  /** `refused`: nobody looked at it, because too many others wait. */
  readonly outcome: 'accepted' | 'failed' | 'refused'
  readonly user: string
  readonly unlimited: boolean
}

/** What time it is and how to wait; a test has its own. */
export interface DeskClock {
  readonly now: () => number
  readonly sleep: (milliseconds: number) => Promise<void>
}

const CLOCK: DeskClock = {
  now: monotonicMilliseconds,
  sleep: (milliseconds) =>
    new Promise((resolve) => {
      setTimeout(resolve, milliseconds)
    }),
}

/**
 * Decides about the logins that a worker cannot decide alone, on the control thread. What has been right
 * once is remembered, as a digest under a key that only this process has, so that hashing is for new
 * clients and for guessers, and the latter wait (slow-down.ts). Clients that come with the same pair at
 * the same time wait for one answer together.
 */
export class LoginDesk {
  readonly #clock: DeskClock
  readonly #key = randomBytes(32)
  readonly #checker: PasswordChecker
  readonly #slowDown = new SlowDown()
  /** By digest: whose pair it is. */
  readonly #pairs = new Recent<string>(PAIRS_MAX)
  readonly #places = new Recent<true>(PLACES_MAX)
  readonly #pending = new Map<string, Promise<Verdict>>()
  /** By digest of the pair: clients that come together after a start are one user, from many addresses. */
  readonly #checks = new Map<string, Promise<boolean>>()
  /** Logins that had to wait for earlier failures. */
  delayed = 0

  constructor(users: Users | null, clock: DeskClock = CLOCK) {
    this.#checker = new PasswordChecker(users)
    this.#clock = clock
  }

  get hashed(): number {
    return this.#checker.hashed
  }

  get waiting(): number {
    return this.#slowDown.waiting
  }

  /** Whether there are addresses that have to wait. */
  get slows(): boolean {
    return this.#slowDown.anySlow(this.#clock.now())
  }

  /** The file was read again: what is remembered may be wrong now. */
  replace(users: Users): void {
    this.#checker.replace(users)
    this.#pairs.clear()
    this.#places.clear()
  }

  decide(login: Login): Promise<Verdict> {
    const { address, name, password } = login
    const pair = this.#digest(name, password)
    const place = this.#digest(Buffer.from(address), Buffer.from(pair))
    const user = login.accepted ? textOf(name) : this.#pairs.get(pair)
    const isQuick = !this.#slowDown.isSlow(address, this.#clock.now()) || this.#places.get(place)
    if (user !== undefined && isQuick) {
      return Promise.resolve(this.#accept(login, pair, place))
    }
    const pending = this.#pending.get(place)
    if (pending !== undefined) return pending
    const verdict = this.#look(login, pair, place)
    this.#pending.set(place, verdict)
    const forget = (): void => {
      this.#pending.delete(place)
    }
    verdict.then(forget, forget)
    return verdict
  }

  /** When its turn comes. */
  async #look(login: Login, pair: string, place: string): Promise<Verdict> {
    const { address } = login
    const user = textOf(login.name)
    const wait = this.#slowDown.enter(address, this.#clock.now())
    if (wait < 0) return await this.#refuse(user)
    if (wait > 0) {
      this.delayed++
      try {
        await this.#clock.sleep(wait)
      } finally {
        this.#slowDown.leave(address)
      }
    }
    const isKnown = login.accepted || this.#pairs.get(pair) !== undefined
    if (isKnown) return this.#accept(login, pair, place)
    const check = this.#checks.get(pair) ?? this.#startCheck(login, pair)
    if (check === null) return await this.#refuse(user)
    if (await check) return this.#accept(login, pair, place)
    this.#slowDown.fail(address, this.#clock.now())
    return { outcome: 'failed', user, unlimited: false }
  }

  /** null: there is no room for one more of this address. */
  #startCheck({ name, password, address }: Login, pair: string): Promise<boolean> | null {
    if (!this.#checker.hasRoomFor(address)) return null
    const check = this.#checker.check(textOf(name), password, address)
    this.#checks.set(pair, check)
    const forget = (): void => {
      this.#checks.delete(pair)
    }
    check.then(forget, forget)
    return check
  }

  /**
   * Nobody looks at it. The answer waits all the same, so that many connections that try again and again
   * do not keep this thread busy; a connection waits for one answer at a time.
   */
  async #refuse(user: string): Promise<Verdict> {
    await this.#clock.sleep(DELAY_MILLISECONDS_MAX)
    return { outcome: 'refused', user, unlimited: false }
  }

  #accept(login: Login, pair: string, place: string): Verdict {
    const user = textOf(login.name)
    // What is in the file of -Y may be taken out of it.
    if (!login.accepted) this.#pairs.set(pair, user)
    this.#places.set(place, true)
    return { outcome: 'accepted', user, unlimited: login.accepted }
  }

  /** The length of the first goes in before it, so that no two pairs give the same bytes. */
  #digest(first: Uint8Array, second: Uint8Array): string {
    const length = Buffer.alloc(4)
    length.writeUInt32LE(first.length)
    const hmac = createHmac('sha256', this.#key)
    return hmac.update(length).update(first).update(second).digest('base64')
  }
}

/** One character for each byte, as names are compared. */
function textOf(name: Uint8Array): string {
  return Buffer.from(name).toString('latin1')
}
