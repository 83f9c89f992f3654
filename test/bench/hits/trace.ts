import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

/**
 * What is asked for, in order: `ids[n]` is a number below `distinct`, `sizes[n]` the value's bytes
 * if request n misses. Look-aside: get; on a miss, set.
 */
export interface Trace {
  readonly name: string
  readonly ids: Int32Array
  readonly sizes: Int32Array
  readonly distinct: number
  /** Bytes of all distinct values, each at the size it was first asked for. */
  readonly distinctBytes: number
}

export function makeTrace(name: string, ids: Int32Array, sizes: Int32Array): Trace {
  const names = new Map<number, number>()
  const dense = new Int32Array(ids.length)
  let distinctBytes = 0
  for (const [at, id] of ids.entries()) {
    let number = names.get(id)
    if (number === undefined) {
      number = names.size
      names.set(id, number)
      distinctBytes += sizes[at]!
    }
    dense[at] = number
  }
  return { name, ids: dense, sizes, distinct: names.size, distinctBytes }
}

/** `NAME.trace.gz`: one request a line, `id size`. Ids are any words without a space. */
export function readTrace(path: string, name: string): Trace {
  const lines = gunzipSync(readFileSync(path)).toString('latin1').split('\n')
  const numbers = new Map<string, number>()
  const ids: number[] = []
  const sizes: number[] = []
  for (const line of lines) {
    const space = line.indexOf(' ')
    if (space <= 0) continue
    const id = line.slice(0, space)
    let number = numbers.get(id)
    if (number === undefined) {
      number = numbers.size
      numbers.set(id, number)
    }
    ids.push(number)
    sizes.push(Number(line.slice(space + 1)))
  }
  return makeTrace(name, Int32Array.from(ids), Int32Array.from(sizes))
}

export function readTraces(folder: string): Trace[] {
  const suffix = '.trace.gz'
  const names = readdirSync(folder).filter((name) => name.endsWith(suffix))
  return names.sort().map((name) => readTrace(join(folder, name), name.slice(0, -suffix.length)))
}

/** The same requests with values `factor` times as large, none above `most`. */
export function scaled(trace: Trace, factor: number, most: number): Trace {
  const sizes = trace.sizes.map((size) => Math.max(1, Math.min(most, Math.round(size * factor))))
  return makeTrace(trace.name, trace.ids, sizes)
}
