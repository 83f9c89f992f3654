import { COUNTER } from '../counters.ts'
import { DELAY_BOUNDS_SECONDS, GC_BOUNDS_SECONDS, threadName } from '../thread-figures.ts'
import type { Family } from './family.ts'
import { byLabel, histogram } from './family.ts'

/** memc-kv's own: each worker and the control thread, as they see themselves. */
export const THREAD_FAMILIES: readonly Family[] = [
  ofEach(
    'memckv_lock_waits_total',
    'Times a thread found a lock of the store taken.',
    COUNTER.lockWaits,
  ),
  ofEach(
    'memckv_lock_sleeps_total',
    'Times a thread had to sleep for a lock of the store.',
    COUNTER.lockSleeps,
  ),
  histogram(
    {
      name: 'memckv_eventloop_delay_seconds',
      help: 'How late the thread comes back to its event loop, measured ten times a second.',
      labelNames: ['thread'],
    },
    DELAY_BOUNDS_SECONDS,
    ({ threads }) => threads.map(({ thread, delay }) => ({ labels: { thread }, ...delay })),
  ),
  byLabel(
    'gauge',
    'memckv_eventloop_utilization',
    'Share of the last ten seconds that the thread was busy.',
    'thread',
    ({ threads }) => threads.map(({ thread, utilization }) => [thread, utilization]),
  ),
  byLabel(
    'counter',
    'memckv_eventloop_busy_seconds_total',
    'Time the thread was busy; its rate is the exact share.',
    'thread',
    ({ threads }) => threads.map(({ thread, busySeconds }) => [thread, busySeconds]),
  ),
  histogram(
    {
      name: 'memckv_gc_duration_seconds',
      help: 'Pauses for garbage collection.',
      labelNames: ['thread', 'kind'],
    },
    GC_BOUNDS_SECONDS,
    ({ threads }) =>
      threads.flatMap(({ thread, collections }) =>
        Array.from(collections, ([kind, figures]) => ({ labels: { thread, kind }, ...figures })),
      ),
  ),
  byLabel('gauge', 'memckv_heap_bytes', 'JavaScript heap in use.', 'thread', ({ threads }) =>
    threads.map(({ thread, heapUsedBytes }) => [thread, heapUsedBytes]),
  ),
]

/** A counter of each thread's own block; the control thread, which has the last, takes locks, too. */
function ofEach(name: string, help: string, index: number): Family {
  return byLabel('counter', name, help, 'thread', ({ source }) =>
    source.stats.counters.map((block, thread) => [
      threadName(thread, source.stats.workers),
      block[index] as number,
    ]),
  )
}
