import type { Family } from './family.ts'
import { counter, gauge, info } from './family.ts'
import type { ProcessFigures } from './process-figures.ts'
import type { Scrape } from './scrape.ts'

/**
 * The process, three times: as memcached_exporter names it, as the usual process_ metrics are named,
 * and what dashboards for Node look for. prom-client's own collectors of these are not used: they keep
 * a timer of ten milliseconds, and their heap is that of one thread.
 */
export const PROCESS_FAMILIES: readonly Family[] = [
  ...['memcached_process', 'process'].flatMap(processFamilies),
  counter(
    'process_cpu_user_seconds_total',
    'Processor time of the process in user mode.',
    ({ process }) => process.userSeconds,
  ),
  counter(
    'process_cpu_system_seconds_total',
    'Processor time of the process in the kernel.',
    ({ process }) => process.systemSeconds,
  ),
  info(
    'nodejs_version_info',
    'The Node.js that runs.',
    ['version', 'major', 'minor', 'patch'],
    () => {
      const [major = '', minor = '', patch = ''] = process.versions.node.split('.')
      return { version: process.version, major, minor, patch }
    },
  ),
  gauge(
    'nodejs_heap_size_total_bytes',
    'JavaScript heaps of all threads, as the engine holds them.',
    ({ threads }) => sum(threads.map(({ heapTotalBytes }) => heapTotalBytes)),
  ),
  gauge(
    'nodejs_heap_size_used_bytes',
    'JavaScript heaps of all threads, what is used of them.',
    ({ threads }) => sum(threads.map(({ heapUsedBytes }) => heapUsedBytes)),
  ),
  gauge(
    'nodejs_external_memory_bytes',
    'Memory outside of the heaps that their objects hold; without the store.',
    ({ threads }) => sum(threads.map(({ externalBytes }) => externalBytes)),
  ),
]

function processFamilies(prefix: string): Family[] {
  return [
    counter(
      `${prefix}_cpu_seconds_total`,
      'Processor time, user and system.',
      ({ process }) => process.userSeconds + process.systemSeconds,
    ),
    onLinux(`${prefix}_max_fds`, 'File descriptors that may be open.', 'openFilesMax'),
    onLinux(`${prefix}_open_fds`, 'File descriptors that are open.', 'openFiles'),
    gauge(
      `${prefix}_resident_memory_bytes`,
      'Resident memory.',
      ({ process }) => process.residentBytes,
    ),
    gauge(
      `${prefix}_start_time_seconds`,
      'Unix time of the start.',
      ({ process }) => process.startUnixSeconds,
    ),
    onLinux(`${prefix}_virtual_memory_bytes`, 'Address space reserved.', 'virtualBytes'),
    onLinux(
      `${prefix}_virtual_memory_max_bytes`,
      'Limit of the address space, -1 none.',
      'virtualBytesMax',
    ),
  ]
}

type LinuxFigure = 'openFilesMax' | 'openFiles' | 'virtualBytes' | 'virtualBytesMax'

function onLinux(name: string, help: string, figure: LinuxFigure): Family {
  const value = ({ process }: Scrape): ProcessFigures[LinuxFigure] => process[figure]
  const family = gauge(name, help, (scrape) => value(scrape) ?? 0)
  return { ...family, collect: (scrape) => (value(scrape) === null ? [] : family.collect(scrape)) }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
