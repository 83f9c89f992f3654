import type { ReplyWriter } from '../protocol/reply.ts'
import type { Store } from '../store/store.ts'
import { percentEncode } from '../telemetry/percent.ts'
import type { Producer } from './context.ts'
import type { ItemFacts } from './item-walk.ts'
import { ItemWalk } from './item-walk.ts'

/** What a listing of all items says. */
export interface Listing {
  /** Before the first item. */
  readonly opening: string
  /** One item; '' leaves it out, null ends the listing before this item. */
  line(item: ItemFacts): string | null
  /** After the last item. */
  closing(): string
}

/** Written at once; a step of the walk may make more, which then waits for the next call. */
const SLICE_BYTES = 8192

/** Steps over empty parts of the index in one call, so that a call is short in any case. */
const STEPS_PER_CALL = 4

/** A reply that lists items, as fast as the client reads it and a few buckets at a time. */
export class ListingProducer implements Producer {
  readonly #walk: ItemWalk
  readonly #listing: Listing
  #pending: Buffer
  #at = 0
  #closed = false

  constructor(store: Store, listing: Listing) {
    this.#walk = new ItemWalk(store)
    this.#listing = listing
    this.#pending = Buffer.from(listing.opening)
  }

  produce(reply: ReplyWriter): boolean {
    if (this.#at === this.#pending.length && !this.#closed) this.#collect()
    const end = Math.min(this.#pending.length, this.#at + SLICE_BYTES)
    reply.reserve(end - this.#at)
    this.#pending.copy(reply.bytes, reply.position, this.#at, end)
    reply.position += end - this.#at
    this.#at = end
    return !this.#closed || this.#at < this.#pending.length
  }

  abandon(): void {
    this.#walk.end()
  }

  #collect(): void {
    let text = ''
    for (let steps = 0; steps < STEPS_PER_CALL && text.length < SLICE_BYTES; steps++) {
      if (this.#walk.finished) {
        this.#closed = true
        break
      }
      for (const item of this.#walk.step()) {
        const line = this.#listing.line(item)
        if (line === null) {
          this.#closed = true
          break
        }
        text += line
      }
      if (this.#closed) break
    }
    if (this.#closed) {
      text += this.#listing.closing()
      this.#walk.end()
    }
    this.#pending = Buffer.from(text, 'latin1')
    this.#at = 0
  }
}

/** Which size classes a dump is about; null is all of them. */
export type ClassFilter = ReadonlySet<number> | null

/** `lru_crawler metadump`: everything about an item but its value. Lines end in space, line feed. */
export function metadataListing(classes: ClassFilter, unixSecondsAtZero: number): Listing {
  return {
    opening: 'OK\r\n',
    line(item) {
      if (classes !== null && !classes.has(item.sizeClass)) return ''
      const exptime = item.exptime === 0 ? -1 : item.exptime + unixSecondsAtZero
      return (
        `key=${percentEncode(item.key, 0, item.key.length)} exp=${exptime}` +
        ` la=${item.lastAccess + unixSecondsAtZero} cas=${item.cas}` +
        ` fetch=${item.fetched ? 'yes' : 'no'} cls=${item.sizeClass}` +
        ` size=${item.itemBytes} flags=${item.clientFlags} \n`
      )
    },
    closing: () => 'END\r\n',
  }
}

/** `lru_crawler mgdump`: a command to get each item. */
export function keyListing(classes: ClassFilter): Listing {
  return {
    opening: 'OK\r\n',
    line(item) {
      if (classes !== null && !classes.has(item.sizeClass)) return ''
      return item.binaryKey
        ? `mg ${item.key.toString('base64')} b\r\n`
        : `mg ${item.key.toString('latin1')}\r\n`
    },
    closing: () => 'EN\r\n',
  }
}

/** memcached's answer to cachedump is one buffer of this size. */
const CACHEDUMP_BYTES_MAX = 2 * 1024 * 1024

/** `stats cachedump`: the keys of one size class. @param limit items at most; 0 no limit */
export function cacheListing(sizeClass: number, limit: number, unixSecondsAtZero: number): Listing {
  const closing = 'END\r\n'
  let shown = 0
  let bytes = closing.length
  return {
    opening: '',
    line(item) {
      // A binary key could look like anything, even like another line.
      if (item.sizeClass !== sizeClass || item.binaryKey) return ''
      const exptime = item.exptime === 0 ? 0 : item.exptime + unixSecondsAtZero
      const line = `ITEM ${item.key.toString('latin1')} [${item.valueLength} b; ${exptime} s]\r\n`
      if (shown === limit && limit > 0) return null
      if (bytes + line.length > CACHEDUMP_BYTES_MAX) return null
      shown++
      bytes += line.length
      return line
    },
    closing: () => closing,
  }
}

const SIZES_BUCKET_BYTES = 32

/** `stats sizes`: how many items there are of each size, by 32 bytes. */
export function sizesListing(): Listing {
  const counts = new Map<number, number>()
  return {
    opening: '',
    line({ itemBytes }) {
      const bucket = Math.ceil(itemBytes / SIZES_BUCKET_BYTES) * SIZES_BUCKET_BYTES
      counts.set(bucket, (counts.get(bucket) ?? 0) + 1)
      return ''
    },
    closing() {
      const sorted = [...counts].sort(([left], [right]) => left - right)
      return `${sorted.map(([bucket, count]) => `STAT ${bucket} ${count}\r\n`).join('')}END\r\n`
    },
  }
}
