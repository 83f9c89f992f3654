import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LockWatch } from './stalls/lock-watch.ts'
import { LogHistogram } from './stalls/log-histogram.ts'

test('percentiles of a histogram are right within a bucket, and its maximum exactly', () => {
  const histogram = new LogHistogram()
  for (let value = 1; value <= 100_000; value++) histogram.record(value)
  assert.equal(histogram.count, 100_000)
  assert.equal(histogram.maximum, 100_000)
  for (const share of [0.001, 0.5, 0.99, 0.999]) {
    const exact = share * 100_000
    const read = histogram.percentile(share)
    assert.ok(read >= exact && read <= exact * 1.07, `${share}: ${read}`)
  }
})

test('a histogram that travelled says the same, and two of them add up', () => {
  const one = new LogHistogram()
  const other = new LogHistogram()
  for (let value = 0; value < 1000; value++) one.record(value * 17)
  other.record(5_000_000_000)
  const both = new LogHistogram()
  both.add(JSON.parse(JSON.stringify(one.plain())))
  assert.equal(both.percentile(0.5), one.percentile(0.5))
  both.add(other.plain())
  assert.equal(both.count, 1001)
  assert.equal(both.maximum, 5_000_000_000)
})

test('a lock is timed once from taking to giving back, also through two wrapped layers', () => {
  const watch = new LockWatch()
  const inner = { enter: (): void => {}, leave: (): void => {} }
  const outer = { lock: (): void => inner.enter(), unlock: (): void => inner.leave() }
  watch.wrapTake(inner as never, 'enter', watch.wait)
  watch.wrapGive(inner as never, 'leave')
  watch.wrapTake(outer as never, 'lock', new LogHistogram())
  watch.wrapGive(outer as never, 'unlock')
  outer.lock()
  const until = performance.now() + 2
  while (performance.now() < until);
  outer.unlock()
  outer.unlock()
  assert.equal(watch.hold.count, 1)
  assert.equal(watch.wait.count, 1)
  assert.ok(watch.hold.maximum >= 1_900_000, `${watch.hold.maximum} ns`)
})
