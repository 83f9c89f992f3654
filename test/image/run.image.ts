import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { loadSettings } from '../../src/config/load.ts'
import { MACHINE } from '../config/load-with.ts'
import { packageFile } from '../repo/repository.ts'
import { Client } from '../support/client.ts'
import type { Container } from './engine.ts'
import { freePort } from './engine.ts'
import { engine, IMAGE, REVISION } from './prepared.ts'

/** The image at work: as a user without rights, on a read-only root, within a memory limit. */

const MIB = 1024 * 1024
const CACHE_MIB = 64
const WORKERS = 2
const STOP_SECONDS = 10

/** What the server says that it may need, which is what the chart gives it. */
async function memoryLimit(): Promise<number> {
  const settings = await loadSettings({
    argv: ['-m', String(CACHE_MIB), '-t', String(WORKERS)],
    environment: {},
    machine: MACHINE,
  })
  assert.ok(settings.kind === 'settings')
  // The kernel would round down, to whole pages.
  return Math.ceil(settings.derived.residentBytesMax / MIB) * MIB
}

interface Started {
  readonly container: Container
  readonly port: number
  readonly sidecarPort: number
}

async function start(scope: TestContext, options: readonly string[] = []): Promise<Started> {
  const [port, sidecarPort] = [await freePort(), await freePort()]
  const container = await engine.start(scope, IMAGE, {
    options: [
      ...['--memory', String(await memoryLimit())],
      ...['--env', `MEMCKV_SIDECAR_PORT=${sidecarPort}`, ...options],
    ],
    flags: ['-p', String(port), '-m', String(CACHE_MIB), '-t', String(WORKERS)],
  })
  return { container, port, sidecarPort }
}

async function connected(scope: TestContext, port: number): Promise<Client> {
  const client = await Client.connect({ host: '127.0.0.1', port })
  scope.after(() => client.close())
  return client
}

function processFile(pid: number, name: string): string {
  return readFileSync(join('/proc', String(pid), name), 'latin1')
}

test('it serves as a user without rights, on a read-only root', async (scope) => {
  const { container, port } = await start(scope)
  const client = await connected(scope, port)
  client.send('set k 0 0 5\r\nhello\r\nget k\r\ntouch k 60\r\ndelete k\r\nget k\r\n')
  await client.expect('STORED\r\nVALUE k 0 5\r\nhello\r\nEND\r\nTOUCHED\r\nDELETED\r\nEND\r\n')

  const { Pid } = await container.state()
  const status = new Map(
    processFile(Pid, 'status')
      .split('\n')
      .map((line) => line.split(':\t') as [string, string]),
  )
  assert.equal(status.get('Uid'), '10001\t10001\t10001\t10001')
  assert.equal(status.get('Gid'), '10001\t10001\t10001\t10001')
  for (const set of ['CapPrm', 'CapEff', 'CapBnd']) assert.match(status.get(set) ?? '', /^0+$/)
  assert.equal(status.get('NoNewPrivs'), '1')
  assert.equal(status.get('Seccomp'), '2')
  const rootMount = processFile(Pid, 'mounts')
    .split('\n')
    .find((line) => line.split(' ')[1] === '/')
  assert.match(rootMount ?? '', / ro,/)
})

test('the first process is the server itself, as the Dockerfile starts it', async (scope) => {
  const { container, port } = await start(scope)
  const { Pid } = await container.state()
  const words = processFile(Pid, 'cmdline').split('\0').slice(0, -1)
  const { Entrypoint } = ((await engine.inspect(IMAGE)) as Image).Config
  // Had it started itself anew, its flags would be there twice.
  assert.deepEqual(words, [...Entrypoint, '-p', String(port), '-m', '64', '-t', '2'])
  assert.match(processFile(Pid, 'environ'), /(^|\0)GLIBC_TUNABLES=glibc\.malloc\.hugetlb=1/)
  assert.match(processFile(Pid, 'status'), /^NSpid:\t\d+\t1$/m)
  assert.ok((await container.exec('sh', '-c', 'true')).status !== 0, 'there is no shell')
})

interface Image {
  readonly Config: { readonly Entrypoint: readonly string[] }
}

test('a cache filled three times over stays within the memory limit', async (scope) => {
  const { container, port } = await start(scope)
  const client = await connected(scope, port)
  const value = 'v'.repeat(64 * 1024)
  const count = (3 * CACHE_MIB * MIB) / value.length
  for (let item = 0; item < count; item++) {
    client.send(`set item${item} 0 0 ${value.length} noreply\r\n${value}\r\n`)
    if (item % 64 === 63) {
      client.send('mn\r\n')
      await client.expect('MN\r\n')
    }
  }
  const stats = await client.stats()
  assert.ok(Number(stats.get('evictions')) > 0, 'nothing was evicted')
  // The health check takes its memory from the same limit.
  assert.equal((await container.healthcheck()).status, 0)
  const { OOMKilled, Status } = await container.state()
  assert.deepEqual({ OOMKilled, Status }, { OOMKilled: false, Status: 'running' })
  assert.doesNotMatch(await container.logs(), /container grants/)
})

test('the heap of a thread keeps within the memory limit too', async () => {
  const limit = await memoryLimit()
  const { Entrypoint } = ((await engine.inspect(IMAGE)) as Image).Config
  const flags = Entrypoint.slice(1).filter((word) => word.startsWith('--'))
  const { stdout } = await engine.once(IMAGE, {
    options: ['--memory', String(limit), '--entrypoint', 'node'],
    flags: [...flags, '-p', 'v8.getHeapStatistics().heap_size_limit'],
  })
  const heap = Number(stdout)
  assert.ok(heap > limit / 5 && heap < limit / 3, `${heap} of ${limit}`)
})

test('the health check says who answers, and when nobody does', async (scope) => {
  const { container } = await start(scope)
  assert.equal((await container.healthcheck()).status, 0)
  assert.match(await container.healthOutput(), /^(data port: VERSION|\/livez 200)/)

  const { Pid } = await container.state()
  process.kill(Pid, 'SIGSTOP')
  const stopped = await container.healthcheck()
  process.kill(Pid, 'SIGCONT')
  assert.equal(stopped.status, 1)
  assert.match(await container.healthOutput(), /did not answer within 3000 ms/)
  assert.equal((await container.healthcheck()).status, 0)
})

test('settings come from a mounted file, users from another', async (scope) => {
  const port = await freePort()
  const [config, users] = [join(engine.folder, 'config.yaml'), join(engine.folder, 'users')]
  writeFileSync(
    config,
    `listen:\n  port: ${port}\nauth:\n  file: /etc/memc-kv/users\nsidecar:\n  port: 0\n`,
  )
  writeFileSync(users, 'ada:lovelace\n')
  const container = await engine.start(scope, IMAGE, {
    options: [
      ...['--volume', `${config}:/etc/memc-kv/config.yaml:ro`],
      ...['--volume', `${users}:/etc/memc-kv/users:ro`],
    ],
    flags: ['--config', '/etc/memc-kv/config.yaml'],
  })
  const client = await connected(scope, port)
  client.send('get k\r\nset auth 0 0 12\r\nada lovelace\r\nget k\r\n')
  await client.expect('CLIENT_ERROR unauthenticated\r\nSTORED\r\nEND\r\n')
  assert.equal((await container.healthcheck()).status, 0)
  assert.match(await container.healthOutput(), /^data port: CLIENT_ERROR/)
})

test('version and commit of the image show in the metrics', async (scope) => {
  const { sidecarPort } = await start(scope)
  const response = await fetch(`http://127.0.0.1:${sidecarPort}/metrics`)
  const line = (await response.text()).match(/^memckv_build_info\{.*\} 1$/m)?.[0] ?? ''
  assert.ok(line.includes(`version="${packageFile.version}"`), line)
  assert.ok(line.includes(`commit="${REVISION}"`), line)
})

test('SIGTERM ends it in order, with a client connected', async (scope) => {
  const { container, port } = await start(scope)
  const client = await connected(scope, port)
  client.send('set k 0 0 1\r\n1\r\n')
  await client.expect('STORED\r\n')
  const { ExitCode, OOMKilled } = await container.stop(STOP_SECONDS)
  assert.deepEqual({ ExitCode, OOMKilled }, { ExitCode: 0, OOMKilled: false })
  assert.match(await container.logs(), /"cause":"SIGTERM","msg":"stopped"/)
  await client.expectClose()
})

test('a setting that is not allowed ends it at once, with one line and its status', async () => {
  const refused = await engine.once(IMAGE, { options: ['--env', 'MEMCKV_MEMORY_LIMIT=lots'] })
  assert.equal(refused.status, 78)
  const said = refused.stderr.split('\n').filter((line) => line.startsWith('memc-kv: '))
  assert.equal(said.length, 1, refused.stderr)
  assert.match(said[0] ?? '', /MEMCKV_MEMORY_LIMIT.*lots/)
})
