import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Config } from '../../src/base/config.ts'
import type { ListenPlace } from '../../src/base/messages.ts'
import { findListenPlaces, ListenError } from '../../src/control/listen-places.ts'
import { load } from '../config/load-with.ts'

async function configOf(argv: string): Promise<Config> {
  return (await load({ argv })).config
}

async function placesOf(argv: string): Promise<ListenPlace[]> {
  return await findListenPlaces(await configOf(argv))
}

/** A server of somebody else. */
async function occupy(where: {
  host?: string
  port?: number
  path?: string
  reusePort?: boolean
}): Promise<Server> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(where, resolve)
  })
  return server
}

function portOf(server: Server): number {
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  return address.port
}

test('a star is all of IPv4 and IPv6, with one free port for both', async () => {
  const places = await placesOf('-p -1')
  const ports = new Set(places.map((place) => (place.kind === 'tcp' ? place.port : 0)))
  assert.equal(ports.size, 1)
  assert.ok(!ports.has(0))
  const hosts = places.map((place) => (place.kind === 'tcp' ? place.host : ''))
  assert.deepEqual(hosts, ['0.0.0.0', '::'].slice(0, hosts.length))
})

test('names become numbers, and equal places one', async () => {
  const places = await placesOf('-l localhost,127.0.0.1 -p -1')
  const hosts = places.map((place) => (place.kind === 'tcp' ? place.host : ''))
  assert.ok(hosts.includes('127.0.0.1'))
  assert.equal(new Set(hosts).size, hosts.length)
})

test('without a port there is only what has one of its own', async () => {
  assert.deepEqual(await placesOf('-p 0'), [])
  const free = portOf(await closed(await occupy({ host: '127.0.0.1', port: 0 })))
  assert.deepEqual(await placesOf(`-p 0 -l 127.0.0.1:${free}`), [
    { kind: 'tcp', host: '127.0.0.1', port: free, verify: null },
  ])
})

test('a port in use is refused, also when its owner would share it', async () => {
  for (const reusePort of [false, true]) {
    const server = await occupy({ host: '127.0.0.1', port: 0, reusePort })
    const port = portOf(server)
    await assert.rejects(
      placesOf(`-l 127.0.0.1 -p ${port}`),
      new ListenError(`cannot listen on 127.0.0.1:${port}: the address is in use`),
    )
    server.close()
  }
})

test('an unknown host and a foreign address are refused in words', async () => {
  await assert.rejects(placesOf('-l no-such-host.invalid'), {
    name: 'ListenError',
    message: /^cannot listen on no-such-host\.invalid: the host name /,
  })
  await assert.rejects(placesOf('-l 192.0.2.1 -p 5000'), {
    name: 'ListenError',
    message: 'cannot listen on 192.0.2.1:5000: this machine does not have that address',
  })
})

test('a unix socket is taken instead of TCP, unless somebody answers there or it is a file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'memckv-listen-'))
  const path = join(folder, 'socket')
  assert.deepEqual(await placesOf(`-s ${path} -a 770 -p 5`), [{ kind: 'unix', path, mask: 0o770 }])
  const server = await occupy({ path })
  await assert.rejects(
    placesOf(`-s ${path}`),
    new ListenError(`cannot listen on ${path}: the address is in use`),
  )
  server.close()
  writeFileSync(path, '')
  await assert.rejects(
    placesOf(`-s ${path}`),
    new ListenError(`cannot listen on ${path}: it exists and is not a socket`),
  )
  rmSync(folder, { recursive: true })
})

/** The server, after remembering its port and letting it go. */
async function closed(server: Server): Promise<Server> {
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  server.address = () => address
  return server
}
