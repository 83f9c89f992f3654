import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tlsFlags } from '../support/certificates.ts'
import type { Client } from '../support/client.ts'
import { pause } from '../support/deadline.ts'
import { Server } from '../support/server.ts'
import { client, pair, WIRES } from '../wire/tls-parts.ts'

for (const { wire, flags } of WIRES) {
  test(`many that are sent much at once and read it are all served, on ${wire}`, async (t) => {
    // With what four calls of a producer wrote, they would keep more buffers than there are.
    const CLIENTS = 120
    const VALUE_BYTES = 256 * 1024
    const server = await Server.start(t, {
      flags: [...tlsFlags(pair), '-t', '1', ...flags],
      tls: client(),
    })
    const clients: Client[] = []
    while (clients.length < CLIENTS) {
      const some = Array.from({ length: 40 }, () => server.connect(t))
      clients.push(...(await Promise.all(some)))
    }
    const [setter] = clients
    assert.ok(setter !== undefined)
    setter.send(`set large 0 0 ${VALUE_BYTES}\r\n${'v'.repeat(VALUE_BYTES)}\r\n`)
    await setter.expect('STORED\r\n')
    const reply = `VALUE large 0 ${VALUE_BYTES}\r\n`.length + VALUE_BYTES + '\r\nEND\r\n'.length
    for (let round = 0; round < 2; round++) {
      // All of them ask before the server looks.
      server.child.kill('SIGSTOP')
      for (const one of clients) one.send('get large\r\n')
      await pause(50)
      server.child.kill('SIGCONT')
      await Promise.all(clients.map((one) => one.readBytes(reply)))
    }
    const stats = await setter.stats()
    assert.equal(stats.get('response_obj_oom'), '0')
    assert.equal(stats.get('curr_connections'), String(CLIENTS))
    assert.ok(Number(stats.get('response_obj_bytes')) <= 17 * 1024 * 1024)
  })
}
