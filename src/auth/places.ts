import { addressGroup, networkOf } from './address-group.ts'

export interface PlacesMax {
  readonly all: number
  /** Of one address (IPv6: of its /64). */
  readonly ofGroup: number
  /** Of one network (IPv6: /48; an IPv4 address is its own). */
  readonly ofNetwork: number
}

/** Places of which one client, however many addresses its network has, gets only a share. */
export class Places {
  readonly #max: PlacesMax
  /** By group and by network; who holds none is not in it. */
  readonly #held = new Map<string, number>()
  #taken = 0

  constructor(max: PlacesMax) {
    this.#max = max
  }

  get taken(): number {
    return this.#taken
  }

  isHeldBy(group: string): boolean {
    return this.#held.has(group)
  }

  hasRoomFor(address: string): boolean {
    const { all, ofGroup, ofNetwork } = this.#max
    return (
      this.#taken < all &&
      (this.#held.get(addressGroup(address)) ?? 0) < ofGroup &&
      (this.#held.get(networkOf(address)) ?? 0) < ofNetwork
    )
  }

  /** Each place taken is given back. */
  take(address: string): void {
    this.#add(address, 1)
  }

  giveBack(address: string): void {
    this.#add(address, -1)
  }

  #add(address: string, change: 1 | -1): void {
    this.#taken += change
    // An IPv4 address is both.
    for (const name of new Set([addressGroup(address), networkOf(address)])) {
      const count = (this.#held.get(name) ?? 0) + change
      if (count <= 0) this.#held.delete(name)
      else this.#held.set(name, count)
    }
  }
}
