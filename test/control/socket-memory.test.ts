import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RUNTIME } from '../../src/base/runtime.ts'
import { SocketMemory } from '../../src/control/socket-memory.ts'

const MIB = 1024 * 1024
/** Ticks after which a change of the limit has been seen. */
const SEEN_TICKS = 50

/** The files of a control group, and who looks at them ten times a second. */
class Watched {
  readonly runtime = new Int32Array(64)
  readonly warnings: unknown[] = []
  limit = ''
  group = '0::/'
  sockets = 0
  resident = 100 * MIB
  /** How often the group has been made. */
  made = 1
  readonly memory = new SocketMemory({
    residentBytesMax: () => this.resident,
    runtime: this.runtime,
    log: { warn: (...line: unknown[]) => void this.warnings.push(line) },
    read: (path) => this.#read(path),
    keep: (path) => {
      this.kept.push(path)
      const made = this.made
      return {
        text: () => (made === this.made ? (this.#read(path) ?? '') : ''),
        close: () => void this.kept.pop(),
      }
    },
  })
  /** Files that are open. */
  readonly kept: string[] = []

  /** The share of unread bytes that workers are told to close after so many ticks. */
  after(ticks: number): number {
    for (let tick = 0; tick < ticks; tick++) this.memory.tick()
    return this.runtime[RUNTIME.unreadPercentToClose] ?? -1
  }

  #read(path: string): string | undefined {
    if (path === '/proc/self/cgroup') return `${this.group}\n`
    if (path === '/sys/fs/cgroup/memory/memory.limit_in_bytes') return `${this.limit}\n`
    if (path === '/sys/fs/cgroup/memory/a/memory.kmem.tcp.usage_in_bytes')
      return `${this.sockets}\n`
    if (path === '/sys/fs/cgroup/memory.max') return `${this.limit}\n`
    if (path === '/sys/fs/cgroup/memory.stat') return `anon 1\nsock ${this.sockets}\nshmem 2\n`
    return undefined
  }
}

test('half of what the container grants beyond our own memory is for sockets', () => {
  const watched = new Watched()
  watched.limit = String(200 * MIB)
  watched.sockets = 50 * MIB
  assert.equal(watched.after(1), 0)
  watched.sockets = 100 * MIB
  assert.equal(watched.after(1), 50)
  assert.equal(watched.after(100), 50)
  assert.equal(watched.warnings.length, 1)
  watched.sockets = 0
  assert.equal(watched.after(1), 0)
})

test('a container that is resized, and a limit that is set, change the budget', () => {
  const watched = new Watched()
  watched.limit = String(200 * MIB)
  watched.sockets = 100 * MIB
  assert.equal(watched.after(1), 50)
  watched.limit = String(400 * MIB)
  assert.equal(watched.after(SEEN_TICKS), 0)
  watched.resident = 300 * MIB
  assert.equal(watched.after(SEEN_TICKS), 50)
  watched.limit = 'max'
  assert.equal(watched.after(SEEN_TICKS), 0)
  watched.limit = String(200 * MIB)
  assert.equal(watched.after(SEEN_TICKS), 92)
})

test('without a limit nothing is done', () => {
  const watched = new Watched()
  watched.limit = 'max'
  watched.sockets = 10_000 * MIB
  assert.equal(watched.after(SEEN_TICKS), 0)
})

test('a group that is made anew under its path is read anew', () => {
  const watched = new Watched()
  watched.limit = String(200 * MIB)
  watched.sockets = 100 * MIB
  assert.equal(watched.after(1), 50)
  watched.made++
  assert.equal(watched.after(1), 0)
  assert.equal(watched.after(SEEN_TICKS), 50)
  assert.equal(watched.kept.length, 1)
})

test('a process that is moved to another group is followed', () => {
  const watched = new Watched()
  watched.limit = String(200 * MIB)
  watched.sockets = 100 * MIB
  assert.equal(watched.after(SEEN_TICKS), 50)
  assert.deepEqual(watched.kept, ['/sys/fs/cgroup/memory.stat'])
  watched.group = '4:memory:/a'
  watched.sockets = 200 * MIB
  assert.equal(watched.after(SEEN_TICKS), 75)
  assert.deepEqual(watched.kept, ['/sys/fs/cgroup/memory/a/memory.kmem.tcp.usage_in_bytes'])
  watched.limit = 'max'
  assert.equal(watched.after(SEEN_TICKS), 0)
  assert.deepEqual(watched.kept, [])
})
