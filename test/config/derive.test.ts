import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readMachine } from '../../src/config/machine.ts'
import { load, refusal } from './load-with.ts'

async function workers(processors: number, processorQuota: number): Promise<number> {
  return (await load({ machine: { processors, processorQuota } })).derived.workerCount
}

test('an authority for clients whom nobody asks for a certificate is warned of', async () => {
  const warnings = async (argv: string): Promise<readonly string[]> =>
    (await load({ argv: `-Z -o ssl_chain_cert=x,ssl_ca_cert=y${argv}` })).derived.warnings
  assert.deepEqual(await warnings(''), [
    'tls.caFile y: no client is asked for a certificate (tls.verify none, and no mtls: in listen.addresses)',
  ])
  assert.deepEqual(await warnings(',ssl_verify_mode=1'), [])
  assert.deepEqual(await warnings(' -l mtls:*'), [])
  assert.equal((await warnings(',ssl_verify_mode=2 -l notls:*')).length, 1)
})

test('as many workers as processors, but at most 4', async () => {
  const none = Number.POSITIVE_INFINITY
  assert.deepEqual(
    [await workers(1, none), await workers(3, none), await workers(64, none)],
    [1, 3, 4],
  )
})

test('a quota of the container counts, rounded up', async () => {
  assert.deepEqual(
    [await workers(64, 0.5), await workers(64, 1), await workers(64, 1.5), await workers(2, 3)],
    [1, 1, 2, 2],
  )
})

test('a number of workers that was given is kept', async () => {
  const settings = await load({ argv: '-t 8', machine: { processors: 1 } })
  assert.equal(settings.derived.workerCount, 8)
})

test('too few descriptors for the connections asked for are refused', async () => {
  const { reason, message } = await refusal({ argv: '-c 5000', machine: { descriptors: 1024 } })
  assert.equal(reason, 'noDescriptors')
  assert.equal(
    message,
    'connections.max (flag -c): 5000 connections do not fit into 1024 file descriptors; allow more (ulimit -n) or fewer connections',
  )
})

test('too few descriptors for the default only lower it, with a warning', async () => {
  const { derived } = await load({ machine: { descriptors: 1024, processors: 2 } })
  assert.equal(derived.connectionsMax, 1024 - 32 - 33 - 2 * 12 - 2 * 2)
  assert.equal(derived.warnings.length, 1)
  assert.match(derived.warnings[0] ?? '', /1024 file descriptors; using 931$/)
})

test('without a sidecar nothing is kept for it', async () => {
  const machine = { descriptors: 1024, processors: 2 }
  const { derived } = await load({ argv: '--sidecar.port=0', machine })
  assert.equal(derived.connectionsMax, 1024 - 32 - 2 * 12 - 2 * 2)
})

test('a container smaller than the memory asked for is warned about', async () => {
  const { derived } = await load({ argv: '-m 1g', machine: { memoryBytes: 2 ** 30 } })
  assert.match(
    derived.warnings[0] ?? '',
    /^memory\.limit 1gb may need \d+mb in all, but the container grants 1024mb$/,
  )
  assert.deepEqual((await load({ machine: { memoryBytes: 2 ** 30 } })).derived.warnings, [])
})

test('traces need memory of their own', async () => {
  const of = async (environment: Record<string, string>): Promise<number> =>
    (await load({ environment })).derived.residentBytesMax
  const without = await of({})
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }
  assert.equal((await of(endpoint)) - without, 32 * 2 ** 20)
  assert.equal(await of({ ...endpoint, OTEL_TRACES_SAMPLER: 'always_off' }), without)
})

/** A file system of just these files. */
function reader(files: Readonly<Record<string, string>>): (path: string) => string | undefined {
  return (path) => files[path]
}

const STATUS = { '/proc/self/status': 'Name:\tnode\nCpus_allowed_list:\t0-2,8\nMems:\t0\n' }
const LIMITS = {
  '/proc/self/limits':
    'Limit  Soft Hard Units\nMax open files            1024                 4096                 files\n',
}

test('affinity and descriptors are read from /proc', () => {
  const machine = readMachine(reader({ ...STATUS, ...LIMITS }))
  assert.equal(machine.processors, 4)
  assert.equal(machine.descriptors, 1024)
  assert.equal(machine.processorQuota, Number.POSITIVE_INFINITY)
  assert.equal(machine.memoryBytes, Number.POSITIVE_INFINITY)
})

test('cgroup v2: the lowest limit of the group and those above it', () => {
  const machine = readMachine(
    reader({
      '/proc/self/cgroup': '0::/pods/one\n',
      '/sys/fs/cgroup/pods/one/cpu.max': 'max 100000\n',
      '/sys/fs/cgroup/pods/cpu.max': '150000 100000\n',
      '/sys/fs/cgroup/pods/one/memory.max': '1073741824\n',
      '/sys/fs/cgroup/pods/memory.max': 'max\n',
    }),
  )
  assert.equal(machine.processorQuota, 1.5)
  assert.equal(machine.memoryBytes, 2 ** 30)
})

test('cgroup v2 in a container: our group is the root', () => {
  const machine = readMachine(
    reader({ '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': '50000 100000\n' }),
  )
  assert.equal(machine.processorQuota, 0.5)
})

test("cgroup v1: each controller has its tree, whose path may be the host's", () => {
  const machine = readMachine(
    reader({
      '/proc/self/cgroup': '4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n1:name=systemd:/x\n',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '250000\n',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': '536870912\n',
    }),
  )
  assert.equal(machine.processorQuota, 2.5)
  assert.equal(machine.memoryBytes, 2 ** 29)
})

test('cgroup v1 without a quota', () => {
  const machine = readMachine(
    reader({
      '/proc/self/cgroup': '1:cpu:/\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
    }),
  )
  assert.equal(machine.processorQuota, Number.POSITIVE_INFINITY)
})

test('this machine can be read', () => {
  const machine = readMachine()
  assert.ok(machine.processors >= 1)
  assert.ok(machine.descriptors >= 64)
})

test('each connection over TLS is part of the estimate of memory', async () => {
  const { derived: plain } = await load({ argv: '-c 1000' })
  const { derived } = await load({ argv: '-c 1000 -Z -o ssl_chain_cert=x' })
  assert.equal(derived.residentBytesMax - plain.residentBytesMax, 1000 * 168 * 1024)
})
