import type { PasswordHash } from './password-hash.ts'
import { costOf, impossibleHash, isPassword } from './password-hash.ts'
import { Places } from './places.ts'
import type { Users } from './users-file.ts'

/** Pairs of name and password that may wait for their turn; more would not be answered in time anyway. */
export const QUEUE_MAX = 64
/** Of these, those that one address and one network may have there, so that there is room for others. */
export const QUEUE_PER_ADDRESS_MAX = 8
export const QUEUE_PER_NETWORK_MAX = 16

/** Nobody has a hash: whoever is there logs in by certificate. */
const NO_PLAN: Plan = { rounds: 0, decoy: null }

interface Plan {
  /** Hashes that are computed for each attempt: as many as the user with most of them has. */
  readonly rounds: number
  /** Stands in for those that a name does not have. */
  readonly decoy: PasswordHash | null
}

/**
 * Compares passwords with the hashes of the file of users, on libuv's threads and one at a time, so that
 * guessers get at most one processor of the machine. A name that does not exist costs as much as one
 * that does.
 */
export class PasswordChecker {
  #users: Users | null
  #plan: Plan
  readonly #queue = new Places({
    all: QUEUE_MAX,
    ofGroup: QUEUE_PER_ADDRESS_MAX,
    ofNetwork: QUEUE_PER_NETWORK_MAX,
  })
  #last: Promise<unknown> = Promise.resolve()
  /** Of all that have been computed. */
  hashed = 0

  constructor(users: Users | null) {
    this.#users = users
    this.#plan = planOf(users)
  }

  replace(users: Users): void {
    this.#users = users
    this.#plan = planOf(users)
  }

  /** Whether one more of this address may wait. */
  hasRoomFor(address: string): boolean {
    return this.#queue.hasRoomFor(address)
  }

  /** Whether the user has this password. */
  async check(name: string, password: Uint8Array, address: string): Promise<boolean> {
    this.#queue.take(address)
    const turn = this.#last.then(() => this.#compare(name, password))
    this.#last = turn.catch(() => {})
    try {
      return await turn
    } finally {
      this.#queue.giveBack(address)
    }
  }

  async #compare(name: string, password: Uint8Array): Promise<boolean> {
    const users = this.#users
    const { rounds, decoy } = this.#plan
    const hashes = users?.hashes.get(name) ?? []
    let matches = false
    for (let round = 0; round < rounds && !matches; round++) {
      const own = hashes[round]
      const hash = own ?? decoy
      if (hash === null) break
      this.hashed++
      const equal = await isPassword(password, hash)
      matches = equal && own !== undefined
    }
    // The file was read again meanwhile.
    return users === this.#users ? matches : await this.#compare(name, password)
  }
}

function planOf(users: Users | null): Plan {
  const lists = users === null ? [] : [...users.hashes.values()].filter((list) => list.length > 0)
  const [first] = lists.flat().sort((a, b) => costOf(b) - costOf(a))
  if (first === undefined) return NO_PLAN
  return { rounds: Math.max(...lists.map((list) => list.length)), decoy: impossibleHash(first) }
}
