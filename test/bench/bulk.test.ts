import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Server } from '../support/server.ts'
import { BulkClient } from './bulk/bulk-client.ts'
import { CommandBatch, KEY_BYTES } from './bulk/command-batch.ts'
import { readStats } from './bulk/stats.ts'

const ITEMS = 5000
const VALUE_BYTES = 321

test('what a bulk client stored is counted when it is asked for, and errors are, too', async (context) => {
  const server = await Server.start(context)
  const client = await BulkClient.connect(server.port)
  context.after(async () => client.close())
  const batch = new CommandBatch(64 * 1024)
  for (let item = 0; item < ITEMS; item++) {
    if (!batch.hasRoom(VALUE_BYTES)) {
      await client.send(batch.commands)
      batch.clear()
    }
    batch.set(item, VALUE_BYTES, 0)
  }
  await client.send(batch.commands)
  assert.deepEqual(await client.finish(), { hits: 0, bytes: 0, others: 0 })
  assert.equal((await readStats(server.port)).get('curr_items'), String(ITEMS))

  batch.clear()
  for (let item = 0; item < 1000; item++) batch.get(item * 6)
  batch.getMany(ITEMS - 10, 20)
  await client.ask(batch.commands)
  await client.ask(Buffer.from('nonsense\r\n'))
  const hits = Math.ceil(ITEMS / 6) + 10
  const bytes = hits * (KEY_BYTES + VALUE_BYTES)
  assert.deepEqual(await client.finish(), { hits, bytes, others: 1 })
})
