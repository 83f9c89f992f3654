import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLASS_SIZES } from '../../src/store/size-class.ts'
import { CLASS_COUNTER, classCounterIndex } from '../../src/telemetry/counters.ts'
import { CLASS_BYTES } from '../../src/telemetry/size-classes.ts'
import { itemsStats, slabsStats } from '../../src/telemetry/stats-classes.ts'
import { readStats, testSource } from './stats-source.ts'

const ITEM_KEYS = `
number number_hot number_warm number_cold age_hot age_warm age mem_requested evicted
evicted_nonzero evicted_time outofmemory tailrepairs reclaimed expired_unfetched evicted_unfetched
evicted_active crawler_reclaimed crawler_items_checked lrutail_reflocked moves_to_cold
moves_to_warm moves_within_lru direct_reclaims hits_to_hot hits_to_warm hits_to_cold hits_to_temp
`
  .trim()
  .split(/\s+/)

const SLAB_KEYS = `
chunk_size chunks_per_page total_pages total_chunks used_chunks free_chunks free_chunks_end
get_hits cmd_set delete_hits incr_hits decr_hits cas_hits cas_badval touch_hits
`
  .trim()
  .split(/\s+/)

test('the class sizes are those the store counts by', () => {
  assert.deepEqual(CLASS_BYTES.slice(0, CLASS_SIZES.length), CLASS_SIZES)
  assert.equal(CLASS_BYTES[39], 524288)
  assert.equal(CLASS_BYTES[40], 0)
})

test('stats items lists the classes that hold items, with the keys of memcached', async () => {
  const source = await testSource()
  assert.equal(itemsStats(source).toString(), 'END\r\n')
  Object.assign(source.figuresNow.classes[5]!, { items: 3, bytes: 700, evictedTime: 12 })
  source.counters[0]![classCounterIndex(5, CLASS_COUNTER.getHits)] = 4
  source.counters[1]![classCounterIndex(5, CLASS_COUNTER.touchHits)] = 5
  const stats = readStats(itemsStats(source))
  assert.deepEqual(
    [...stats.keys()],
    ITEM_KEYS.map((name) => `items:5:${name}`),
  )
  assert.equal(stats.get('items:5:number'), '3')
  assert.equal(stats.get('items:5:number_cold'), '3')
  assert.equal(stats.get('items:5:mem_requested'), '700')
  assert.equal(stats.get('items:5:age'), '12')
  assert.equal(stats.get('items:5:hits_to_cold'), '9')
})

test('without the maintainer stats items has its short form', async () => {
  const source = await testSource(['-o', 'no_lru_maintainer'])
  source.figuresNow.classes[1]!.items = 1
  const names = [...readStats(itemsStats(source)).keys()].map((name) => name.slice(8))
  assert.deepEqual(names, [
    ...['number', 'age', 'mem_requested', 'evicted', 'evicted_nonzero', 'evicted_time'],
    ...['outofmemory', 'tailrepairs', 'reclaimed', 'expired_unfetched', 'evicted_unfetched'],
    ...['crawler_reclaimed', 'crawler_items_checked', 'lrutail_reflocked'],
  ])
})

test('a reset sets back what is counted by class', async () => {
  const source = await testSource()
  const figures = source.figuresNow.classes[2]!
  Object.assign(figures, { items: 1, evicted: 10, reclaimed: 3 })
  source.baseline.reset(source.counters, source.figures())
  figures.evicted = 11
  const stats = readStats(itemsStats(source))
  assert.equal(stats.get('items:2:evicted'), '1')
  assert.equal(stats.get('items:2:reclaimed'), '0')
  assert.equal(stats.get('items:2:number'), '1')
})

test('stats slabs counts pages and chunks as memcached would need them', async () => {
  const source = await testSource()
  source.figuresNow.segmentsUsed = 17
  source.figuresNow.classes[1]!.items = 10923
  source.counters[1]![classCounterIndex(1, CLASS_COUNTER.setCommands)] = 20000
  const stats = readStats(slabsStats(source))
  assert.deepEqual(
    [...stats.keys()],
    [...SLAB_KEYS.map((name) => `1:${name}`), 'active_slabs', 'total_malloced'],
  )
  assert.equal(stats.get('1:chunk_size'), '96')
  assert.equal(stats.get('1:chunks_per_page'), '10922')
  assert.equal(stats.get('1:total_pages'), '2')
  assert.equal(stats.get('1:total_chunks'), '21844')
  assert.equal(stats.get('1:used_chunks'), '10923')
  assert.equal(stats.get('1:free_chunks'), '10921')
  assert.equal(stats.get('1:cmd_set'), '20000')
  assert.equal(stats.get('active_slabs'), '1')
  assert.equal(stats.get('total_malloced'), String(17 * 65536))
})

test('a class that was used stays in stats slabs when its last item is gone', async () => {
  const source = await testSource()
  source.counters[0]![classCounterIndex(7, CLASS_COUNTER.setCommands)] = 1
  const stats = readStats(slabsStats(source))
  assert.equal(stats.get('7:used_chunks'), '0')
  assert.equal(stats.get('7:total_pages'), '1')
  assert.equal(stats.get('active_slabs'), '1')
})
