import { assert } from '../base/assert.ts'

/**
 * Every place and width in the shared memory. Nothing else lives here, and no other file of the
 * store holds a number of its own about where something is. README.md draws the same map.
 *
 * Units: an address counts units of 8 bytes over all arenas and is kept as an int32, so that the
 * compiler never needs a double for it; only its bits have a meaning. Sizes of records are in units.
 */

// -- Arenas, segments, addresses ---------------------------------------------------------------
export const UNIT_BYTES = 8
export const UNIT_SHIFT = 3
export const SEGMENT_BYTES = 65536
export const SEGMENT_UNITS = SEGMENT_BYTES / UNIT_BYTES
/** address >>> SEGMENT_SHIFT = segment. */
export const SEGMENT_SHIFT = 13
export const SEGMENT_UNIT_MASK = SEGMENT_UNITS - 1
export const ARENA_BYTES = 2 ** 30
/** address >>> ARENA_SHIFT = arena. */
export const ARENA_SHIFT = 27
export const ARENA_UNIT_MASK = 2 ** ARENA_SHIFT - 1
export const ARENA_COUNT_MAX = 32
export const ARENA_SEGMENTS = ARENA_BYTES / SEGMENT_BYTES
export const SEGMENT_COUNT_MAX = ARENA_COUNT_MAX * ARENA_SEGMENTS

// -- Records -----------------------------------------------------------------------------------
/** w0: keyLength (8) | bits (8) | CAS bits 32..47 (16). keyLength 0: filler, size in units above. */
export const RECORD_HEAD = 0
export const RECORD_NEXT = 1
export const RECORD_HASH = 2
export const RECORD_EXPTIME = 3
export const RECORD_ACCESS = 4
/** w5: value length (30) | WIDE_CAS | spare. */
export const RECORD_VALUE = 5
export const RECORD_CAS = 6
export const HEADER_WORDS = 7
export const HEADER_BYTES = HEADER_WORDS * 4
/** Of a record with one byte of key and no value. */
export const RECORD_UNITS_MIN = (HEADER_BYTES + UNIT_BYTES) >>> UNIT_SHIFT

export const KEY_LENGTH_MASK = 0xff
export const FILLER_SHIFT = 8
export const BIT_FETCHED = 1 << 8
export const FREQUENCY_SHIFT = 9
export const FREQUENCY_ONE = 1 << FREQUENCY_SHIFT
export const FREQUENCY_MAX = 3
export const FREQUENCY_MASK = FREQUENCY_MAX << FREQUENCY_SHIFT
export const BIT_STALE = 1 << 11
export const BIT_WON = 1 << 12
export const BIT_BINARY_KEY = 1 << 13
export const BIT_HAS_FLAGS = 1 << 14
export const FLAGS_SHIFT = 14
export const BIT_LARGE = 1 << 15
export const LARGE_SHIFT = 15
export const CAS_HIGH_SHIFT = 16
export const CAS_HIGH_NARROW_MAX = 0xffff
export const VALUE_LENGTH_MASK = 2 ** 30 - 1
export const BIT_WIDE_CAS = 1 << 30
export const WIDE_CAS_SHIFT = 30
export const KEY_BYTES_MAX = 250
export const OPTIONAL_WORDS_MAX = 3

// -- Pages -------------------------------------------------------------------------------------
export const PAGE_BYTES = 8192
export const PAGE_SHIFT = 13
export const PAGE_UNITS = PAGE_BYTES / UNIT_BYTES
export const PAGE_BYTE_MASK = PAGE_BYTES - 1
export const PAGES_PER_SEGMENT = SEGMENT_BYTES / PAGE_BYTES
export const SEGMENT_PAGE_SHIFT = 3
export const PAGE_COUNT_MAX = SEGMENT_COUNT_MAX * PAGES_PER_SEGMENT
/** Upper bound of a record: all optional words, the longest key, the longest inline value. */
export const RECORD_BYTES_MAX =
  HEADER_BYTES + OPTIONAL_WORDS_MAX * 4 + KEY_BYTES_MAX + PAGE_BYTES + UNIT_BYTES - 1

// -- Logs and kinds of segment -----------------------------------------------------------------
export const LOG_TEMP = 0
export const LOG_SMALL = 1
export const LOG_MAIN = 2
export const LOG_COUNT = 3
export const KIND_FREE = 0
/** KIND_LOG + log. */
export const KIND_LOG = 1
export const KIND_INDEX = 4
export const KIND_PAGES = 5
export const KIND_SPARE = 6
/** Dead, on its way from a shard back to the pool. */
export const KIND_OWED = 7
export const KIND_MASK = 0xff
export const KIND_SHARD_SHIFT = 8
/** Items that live no longer than this go to the TEMP log. */
export const TEMP_SECONDS_MAX = 60
export const NEVER = 0x7fffffff

// -- tables: pool block ------------------------------------------------------------------------
export const POOL_LOCK = 0
/** Segments that may be in use. */
export const POOL_LIMIT = 32
export const POOL_IN_USE = 33
export const POOL_FREE_HEAD = 34
/** Next segment that was never used. Segment 0 never is: address 0 means none. */
export const POOL_FRESH = 35
export const POOL_CAPACITY = 36
/** Page segments with a free page, linked by SEGMENT_NEXT and SEGMENT_PREV. */
export const POOL_PARTIAL_HEAD = 37
export const POOL_PARTIAL_TAIL = 38
/** Free pages in the partial list. */
export const POOL_PAGES_FREE = 39
export const POOL_PAGES_USED = 40
export const POOL_PAGE_SEGMENTS = 41
export const POOL_CHAIN_FREE = 42
export const POOL_CHAIN_FRESH = 43
export const POOL_DRAINING = 44
/** The limit that was asked for last; POOL_LIMIT is above it while more than that is in use. */
export const POOL_TARGET = 45
/** Raised at each opening of a segment; plain adds, a lost one does no harm. */
export const POOL_SEQUENCE = 64
export const CAS_LOW = 96
/** Count of half crossings of CAS_LOW: 2 x high + (low >= 2^31). */
export const CAS_EPOCH = 128
export const POOL_WORDS = 160

// -- tables: shard blocks ----------------------------------------------------------------------
export const SHARD_COUNT_MAX = 32
export const SHARD_BITS = 5
export const SHARDS_AT = POOL_WORDS
export const SHARD_WORDS = 128
export const SHARD_LOCK = 0
/** Units that an append to any active log is sure to find. A lower bound. */
export const SHARD_ROOM = 32
export const SHARD_SPARE = 33
export const SHARD_EPOCH = 34
export const SHARD_OLD_SEGMENTS = 35
export const SHARD_FLUSHED_AT = 36
export const SHARD_BUCKETS = 37
export const SHARD_MASK = 38
export const SHARD_ITEMS = 39
export const SHARD_PAUSED = 40
export const SHARD_INDEX_WANTS = 41
export const SHARD_GHOST_TICK = 42
export const SHARD_GHOST_COUNT = 43
export const SHARD_SCAN_AT = 44
export const SHARD_CLEAN_AT = 45
export const SHARD_CLEAN_LEFT = 46
export const SHARD_NUMBER = 47
export const SHARD_LOGS = 48
/** Where the window began that is being merged; behind the words of the logs. */
export const SHARD_CLEAN_FIRST = 72
export const LOG_WORDS = 8
export const LOG_SHIFT = 3
export const LOG_OPEN = 0
export const LOG_HEAD = 1
export const LOG_TAIL = 2
export const LOG_SEGMENTS = 3
/** 1 while the log wants room of its own (see SHARD_ROOM). */
export const LOG_ACTIVE = 4
/** Pages of the items whose records are in the log. */
export const LOG_PAGES = 5

// -- tables: index directories -----------------------------------------------------------------
export const BUCKETS_PER_CHUNK = SEGMENT_UNITS
export const CHUNK_SHIFT = SEGMENT_SHIFT
export const CHUNK_BUCKET_MASK = BUCKETS_PER_CHUNK - 1
/** The hash has 32 - SHARD_BITS bits left to choose a bucket. */
export const DIRECTORY_WORDS = 2 ** (32 - SHARD_BITS) / BUCKETS_PER_CHUNK
export const BUCKET_COUNT_MAX = DIRECTORY_WORDS * BUCKETS_PER_CHUNK
export const BUCKETS_AT_START = 64
export const DIRECTORIES_AT = SHARDS_AT + SHARD_COUNT_MAX * SHARD_WORDS

// -- tables: segments --------------------------------------------------------------------------
export const SEGMENTS_AT = DIRECTORIES_AT + SHARD_COUNT_MAX * DIRECTORY_WORDS
export const SEGMENT_WORDS = 16
export const SEGMENT_WORD_SHIFT = 4
/** kind | shard << KIND_SHARD_SHIFT */
export const SEGMENT_KIND = 0
/** Towards the newer end of a log; also free list, owed list, partial list. */
export const SEGMENT_NEXT = 1
export const SEGMENT_PREV = 2
/** Units written. In a page segment: bit i = page i is in use. */
export const SEGMENT_USED = 3
/** Units of live records. */
export const SEGMENT_LIVE = 4
export const SEGMENT_ITEMS = 5
export const SEGMENT_MIN_EXPIRE = 6
export const SEGMENT_MAX_EXPIRE = 7
export const SEGMENT_EPOCH = 8
/** POOL_SEQUENCE when it was opened. */
export const SEGMENT_BORN = 9
/** PHASE_NONE, or how far the eviction of this segment is. */
export const SEGMENT_PHASE = 10
/** Units: records before it have been seen in this phase. In a page segment: 1 = was stuck. */
export const SEGMENT_HAND = 11
/** Units: where the next record is packed (PHASE_PACK). */
export const SEGMENT_PACK = 12
/**
 * When merging the window that begins here freed nothing: its last segment, and the units that were live in it.
 * 0: that has not happened.
 */
export const SEGMENT_VAIN_LAST = 13
export const SEGMENT_VAIN_LIVE = 14
export const PHASE_NONE = 0
export const PHASE_DECIDE = 1
export const PHASE_MOVE = 2
export const PHASE_PACK = 3
/** Being merged with its neighbours; eviction may begin anew at any time. */
export const PHASE_CLEAN = 4

// -- tables: pages -----------------------------------------------------------------------------
export const PAGES_AT = SEGMENTS_AT + SEGMENT_COUNT_MAX * SEGMENT_WORDS
export const PAGE_WORDS = 4
export const PAGE_WORD_SHIFT = 2
export const PAGE_NEXT = 0
export const PAGE_PREV = 1
/** Chain, PAGE_LOOSE, or 0 when free. */
export const PAGE_CHAIN = 2
/** A page that belongs to a thread and to no chain. */
export const PAGE_LOOSE = -1

// -- tables: chains ----------------------------------------------------------------------------
export const CHAINS_AT = PAGES_AT + PAGE_COUNT_MAX * PAGE_WORDS
export const CHAIN_WORDS = 8
export const CHAIN_WORD_SHIFT = 3
export const CHAIN_FIRST = 0
export const CHAIN_LAST = 1
/** Readers | CHAIN_DEAD: atomic. */
export const CHAIN_PINS = 2
/** Address of the record; 0 before it is linked and after it died. */
export const CHAIN_OWNER = 3
export const CHAIN_SHARD = 4
export const CHAIN_PAGES = 5
/** Free list, or a thread's list of dead chains. */
export const CHAIN_NEXT = 6
export const CHAIN_DEAD = 1 << 30
export const TABLE_WORDS = CHAINS_AT + PAGE_COUNT_MAX * CHAIN_WORDS

// -- figures: one block of doubles for each shard ----------------------------------------------
export const FIGURE_LIVE_UNITS = 0
export const FIGURE_DEAD_UNITS = 1
export const FIGURE_ITEMS_TOTAL = 2
export const FIGURE_EXPIRED = 3
export const FIGURE_FLUSHED = 4
export const FIGURE_MOVED = 5
export const FIGURE_RECLAIMS = 6
export const FIGURE_EVICTED_ACCESS = 7
/** Eleven counts, see EVICTED_AGE_BOUNDS of insight.ts, and the sum of all ages in seconds. */
export const FIGURE_EVICTED_AGES = 8
export const FIGURE_EVICTED_AGE_SUM = 19
export const FIGURE_CLASSES = 32
export const CLASS_COUNT = 64
export const CLASS_DOUBLES = 16
export const CLASS_SHIFT = 4
export const CLASS_ITEMS = 0
export const CLASS_BYTES = 1
export const CLASS_EVICTED = 2
export const CLASS_EVICTED_NONZERO = 3
export const CLASS_EVICTED_UNFETCHED = 4
export const CLASS_EVICTED_ACTIVE = 5
export const CLASS_EXPIRED_UNFETCHED = 6
export const CLASS_RECLAIMED = 7
export const CLASS_OUT_OF_MEMORY = 8
export const CLASS_EVICTED_TIME = 9
/** As CLASS_RECLAIMED, but by the sweep and not on the way of a command. */
export const CLASS_SWEPT = 10
export const FIGURE_DOUBLES = FIGURE_CLASSES + CLASS_COUNT * CLASS_DOUBLES

assert(SEGMENT_UNITS === 2 ** SEGMENT_SHIFT, 'segment shift')
assert(ARENA_BYTES === UNIT_BYTES * 2 ** ARENA_SHIFT, 'arena shift')
assert(ARENA_COUNT_MAX * 2 ** ARENA_SHIFT === 2 ** 32, 'addresses are 32 bits')
assert(PAGE_BYTES === 2 ** PAGE_SHIFT, 'page shift')
assert(PAGES_PER_SEGMENT === 2 ** SEGMENT_PAGE_SHIFT, 'pages of a segment')
assert(RECORD_BYTES_MAX * 4 < SEGMENT_BYTES, 'a segment holds several of the largest records')
assert(SHARD_COUNT_MAX === 2 ** SHARD_BITS, 'shard bits')
assert(SHARD_LOGS + LOG_COUNT * LOG_WORDS <= SHARD_WORDS, 'shard block')
assert(LOG_WORDS === 2 ** LOG_SHIFT, 'log words')
assert(SEGMENT_WORDS === 2 ** SEGMENT_WORD_SHIFT, 'segment words')
assert(PAGE_WORDS === 2 ** PAGE_WORD_SHIFT, 'page words')
assert(CHAIN_WORDS === 2 ** CHAIN_WORD_SHIFT, 'chain words')
assert(CLASS_DOUBLES === 2 ** CLASS_SHIFT, 'class doubles')
assert(KIND_LOG + LOG_COUNT <= KIND_INDEX, 'kinds of segment')
assert(TABLE_WORDS < 2 ** 31, 'a table index is an int32')
