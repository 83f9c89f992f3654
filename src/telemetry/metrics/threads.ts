import { COUNTER } from '../counters.ts'
import { DELAY_BOUNDS_SECONDS, GC_BOUNDS_SECONDS } from '../thread-figures.ts'
import type { Family } from './family.ts'
import { byLabel, histogram } from './family.ts'

/** memc-kv's own: each worker and the control thread, as they see themselves. */
export const THREAD_FAMILIES: readonly Family[] = [
  byThread('counter', 'memckv_lock_waits_total', 'Times a lock of the store was found taken.', {
    label: 'worker',
    index: COUNTER.lockWaits,
  }),
  byThread(
    'counter',
    'memckv_lock_sleeps_total',
    'Times a thread had to sleep for a lock of the store.',
    { label: 'worker', index: COUNTER.lockSleeps },
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

/** A counter of each thread's own block. The control thread takes locks, too. */
function byThread(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  { label, index }: { readonly label: string; readonly index: number },
): Family {
  return byLabel(type, name, help, label, ({ source, threads }) =>
    source.stats.counters.map((block, thread) => [
      threads[thread]?.thread ?? String(thread),
      block[index] as number,
    ]),
  )
}
