import { Access } from '../../../src/auth/access.ts'
import { PERMISSION } from '../../../src/auth/permissions.ts'
import { HANDLERS } from '../../../src/commands/table.ts'
import { DataServer } from '../../commands/data-server.ts'

/**
 * Runs so many commands of one kind through parser, handler, store and reply writer, and nothing
 * else: `node instructions-run.ts get 100000`. Counted by valgrind from outside (instructions.ts). A
 * `guarded` get is that of a user with one permission and one prefix.
 */
const [kind = 'get', count = '0'] = process.argv.slice(2)
const KEYS = 1000
const VALUE = 'v'.repeat(100)

const access = Access.of({
  name: 'user',
  permissions: PERMISSION.read,
  prefixes: ['key-'],
  certificates: [],
})
const server = new DataServer()
const line = (item: number): string =>
  kind === 'set' ? `set key-${item} 0 0 100\r\n${VALUE}\r\n` : `get key-${item}\r\n`
for (let item = 0; item < KEYS; item++) server.send(`set key-${item} 0 0 100\r\n${VALUE}\r\n`)
const batch = Buffer.from(Array.from({ length: 200 }, (_, at) => line((at * 37) % KEYS)).join(''))

let left = Number(count)
while (left > 0) {
  const { reply, parser, context } = server
  reply.position = 0
  let at = 0
  while (at < batch.length && left-- > 0) {
    parser.parse(batch, at, batch.length)
    if (kind === 'guarded' && access?.refusal(parser.request) !== 0) break
    HANDLERS[parser.request.opcode]!(context)
    at = parser.request.next
  }
}
