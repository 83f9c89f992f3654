import { boolean, decimal, integer, oneOf, size } from './formats.ts'
import { setting } from './setting.ts'

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB

/**
 * The settings of memcached that mean nothing here, with its defaults: `stats settings` reports
 * what was given, and the size classes that `stats items` and `stats slabs` speak of follow three of them.
 */
export const compatSchema = {
  udpPort: setting(
    integer({ min: -1, max: 65535 }),
    0,
    'MEMCKV_COMPAT_UDP_PORT',
    'reported as udpport; nothing listens on UDP',
  ),
  growthFactor: setting(
    decimal({ min: 1.0001, max: 100 }),
    1.25,
    'MEMCKV_COMPAT_GROWTH_FACTOR',
    'growth_factor of the size classes that stats items and slabs speak of',
  ),
  chunkSize: setting(
    integer({ min: 1, max: MIB }),
    48,
    'MEMCKV_COMPAT_CHUNK_SIZE',
    'chunk_size of the size classes',
  ),
  hashpowerInit: setting(
    integer({ min: 0, max: 32 }),
    0,
    'MEMCKV_COMPAT_HASHPOWER_INIT',
    'reported as hashpower_init',
  ),
  hashAlgorithm: setting(
    oneOf<string>('murmur3', 'jenkins', 'xxh3'),
    'murmur3',
    'MEMCKV_COMPAT_HASH_ALGORITHM',
    'reported as hash_algorithm',
  ),
  slabReassign: setting(
    boolean(),
    true,
    'MEMCKV_COMPAT_SLAB_REASSIGN',
    'reported as slab_reassign',
  ),
  slabAutomove: setting(
    integer({ min: 0, max: 2 }),
    1,
    'MEMCKV_COMPAT_SLAB_AUTOMOVE',
    'reported as slab_automove',
  ),
  slabAutomoveRatio: setting(
    decimal({ min: 0.01, max: 1 }),
    0.8,
    'MEMCKV_COMPAT_SLAB_AUTOMOVE_RATIO',
    'reported as slab_automove_ratio',
  ),
  slabAutomoveWindow: setting(
    integer({ min: 1, max: 1_000_000 }),
    10,
    'MEMCKV_COMPAT_SLAB_AUTOMOVE_WINDOW',
    'reported as slab_automove_window',
  ),
  slabChunkMax: setting(
    size({ min: KIB, max: GIB }),
    512 * KIB,
    'MEMCKV_COMPAT_SLAB_CHUNK_MAX',
    'slab_chunk_max of the size classes',
  ),
  lruCrawler: setting(boolean(), true, 'MEMCKV_COMPAT_LRU_CRAWLER', 'reported as lru_crawler'),
  lruCrawlerSleep: setting(
    integer({ min: 0, max: 1_000_000 }),
    100,
    'MEMCKV_COMPAT_LRU_CRAWLER_SLEEP',
    'reported as lru_crawler_sleep',
  ),
  lruCrawlerTocrawl: setting(
    integer({ min: 0, max: 0xffffffff }),
    0,
    'MEMCKV_COMPAT_LRU_CRAWLER_TOCRAWL',
    'reported as lru_crawler_tocrawl',
  ),
  tailRepairTime: setting(
    integer({ min: 0, max: 0x7fffffff }),
    0,
    'MEMCKV_COMPAT_TAIL_REPAIR_TIME',
    'reported as tail_repair_time',
  ),
  lruMaintainer: setting(
    boolean(),
    true,
    'MEMCKV_COMPAT_LRU_MAINTAINER',
    'reported as lru_maintainer_thread',
  ),
  lruSegmented: setting(
    boolean(),
    true,
    'MEMCKV_COMPAT_LRU_SEGMENTED',
    'reported as lru_segmented',
  ),
  hotLruPercent: setting(
    integer({ min: 1, max: 80 }),
    20,
    'MEMCKV_COMPAT_HOT_LRU_PERCENT',
    'reported as hot_lru_pct',
  ),
  warmLruPercent: setting(
    integer({ min: 1, max: 80 }),
    40,
    'MEMCKV_COMPAT_WARM_LRU_PERCENT',
    'reported as warm_lru_pct',
  ),
  hotMaxFactor: setting(
    decimal({ min: 0, max: 1000 }),
    0.2,
    'MEMCKV_COMPAT_HOT_MAX_FACTOR',
    'reported as hot_max_factor',
  ),
  warmMaxFactor: setting(
    decimal({ min: 0, max: 1000 }),
    2,
    'MEMCKV_COMPAT_WARM_MAX_FACTOR',
    'reported as warm_max_factor',
  ),
  tempLru: setting(boolean(), false, 'MEMCKV_COMPAT_TEMP_LRU', 'reported as temp_lru'),
  temporaryTtl: setting(
    integer({ min: 0, max: 0x7fffffff }),
    61,
    'MEMCKV_COMPAT_TEMPORARY_TTL',
    'reported as temporary_ttl',
  ),
  workerLogBufferSize: setting(
    size({ min: KIB, max: GIB }),
    64 * KIB,
    'MEMCKV_COMPAT_WORKER_LOG_BUFFER_SIZE',
    'room for events of one worker, until watchers get them (worker_logbuf_size)',
  ),
  readBufferMemoryLimit: setting(
    size({ min: 0, max: 1024 * GIB }),
    0,
    'MEMCKV_COMPAT_READ_BUFFER_MEMORY_LIMIT',
    'reported as read_buf_mem_limit',
  ),
  napiIds: setting(
    integer({ min: 0, max: 65535 }),
    0,
    'MEMCKV_COMPAT_NAPI_IDS',
    'reported as num_napi_ids',
  ),
}
