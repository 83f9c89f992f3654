import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  createPrefixTables,
  PREFIX_COUNT_MAX,
  PrefixReader,
  PrefixStats,
} from '../../src/telemetry/prefix-stats.ts'

const COLON = 58

interface Bench {
  readonly tables: readonly PrefixStats[]
  readonly reader: PrefixReader
}

function bench(workers = 1): Bench {
  const shared = createPrefixTables(workers)
  return {
    tables: Array.from({ length: workers }, (_, worker) => new PrefixStats(shared, worker, COLON)),
    reader: new PrefixReader(shared, workers),
  }
}

type Record = 'recordGet' | 'recordSet' | 'recordDelete'

/** The key stands in the middle of a larger buffer, as on the wire. */
function count(table: PrefixStats, method: Record, key: string, hit = false): void {
  const buffer = Buffer.from(`get ${key} :tail`, 'latin1')
  table[method](buffer, 4, key.length, hit)
}

function dump(reader: PrefixReader): string[] {
  return reader
    .read()
    .map(
      ({ prefix, gets, hits, sets, deletes }) =>
        `${prefix.toString('latin1')} ${gets} ${hits} ${sets} ${deletes}`,
    )
}

test('commands count under what stands before the first delimiter', () => {
  const { tables, reader } = bench()
  const table = tables[0]!
  count(table, 'recordSet', 'user:1')
  count(table, 'recordGet', 'user:1', true)
  count(table, 'recordGet', 'user:2:x', false)
  count(table, 'recordDelete', 'user:1')
  count(table, 'recordSet', 'use:1')
  count(table, 'recordSet', ':1')
  count(table, 'recordGet', 'plain', true)
  assert.deepEqual(dump(reader), ['user 2 1 1 1', 'use 0 0 1 0', ' 0 0 1 0'])
})

test('a dump adds up what all workers counted', () => {
  const { tables, reader } = bench(3)
  for (const table of tables) count(table, 'recordGet', 'a:1', true)
  count(tables[2]!, 'recordGet', 'b\xff:1', false)
  assert.deepEqual(dump(reader), ['a 3 3 0 0', 'b\xff 1 0 0 0'])
})

test('a reset empties every table, at once for readers', () => {
  const { tables, reader } = bench(2)
  for (const table of tables) count(table, 'recordSet', 'a:1')
  reader.reset()
  assert.deepEqual(dump(reader), [])
  count(tables[1]!, 'recordSet', 'b:1')
  assert.deepEqual(dump(reader), ['b 0 0 1 0'])
  count(tables[0]!, 'recordSet', 'a:1')
  assert.deepEqual(dump(reader), ['a 0 0 1 0', 'b 0 0 1 0'])
})

test('the longest key with the delimiter last is counted whole', () => {
  const { tables, reader } = bench()
  count(tables[0]!, 'recordSet', `${'p'.repeat(249)}:`)
  count(tables[0]!, 'recordSet', 'q:')
  assert.deepEqual(dump(reader), [`${'p'.repeat(249)} 0 0 1 0`, 'q 0 0 1 0'])
})

test('a prefix is not taken for a longer one that begins like it', () => {
  const { tables, reader } = bench()
  // Enough of them that some meet in the table.
  for (let length = 249; length > 0; length--) {
    count(tables[0]!, 'recordSet', `${'p'.repeat(length)}:`)
  }
  assert.equal(dump(reader).length, 249)
})

test('the number of prefixes is bounded; those that were first go on counting', () => {
  const { tables, reader } = bench()
  const table = tables[0]!
  for (let number = 0; number < PREFIX_COUNT_MAX + 500; number++) {
    count(table, 'recordSet', `prefix-${number}:x`)
  }
  count(table, 'recordSet', 'prefix-0:y')
  count(table, 'recordSet', `prefix-${PREFIX_COUNT_MAX}:y`)
  const found = dump(reader)
  assert.equal(found.length, PREFIX_COUNT_MAX)
  assert.equal(found[0], 'prefix-0 0 0 2 0')
  assert.equal(found.at(-1), `prefix-${PREFIX_COUNT_MAX - 1} 0 0 1 0`)
})
