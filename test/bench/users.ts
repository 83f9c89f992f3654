import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { hashPassword } from '../../src/auth/password-hash.ts'
import { Client } from '../support/client.ts'
import { Server, SuiteScope } from '../support/server.ts'
import { sendLogin, usersFlags, usersFolder, writeUsers } from '../support/users.ts'

const USAGE = `npm run bench:users -- [options]

Logins a second, and how fast passwords can be guessed: from one address and from many, with what
another client notices of it. Against the sources, over loopback, in half a minute.

  --seconds S    of each measurement (default 4)
`

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '4' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

const NEW_USERS = 40
const AT_ONCE = 16
/** Of 127.0.0.0/8, which is all of this machine. */
const GUESSING_ADDRESSES = 100

if (options.help) console.log(USAGE)
else await main(Number(options.seconds) * 1000)

async function main(milliseconds: number): Promise<void> {
  const scope = new SuiteScope()
  try {
    const server = await start(scope)
    reportResident(server, 'at the start')
    await reportNewUsers(server)
    reportResident(server, 'after that')
    await reportLogins(server, milliseconds, 'plain', 'logins with -Y')
    await reportLogins(server, milliseconds, 'user0', 'logins that were right before')
    await reportBystander(server, milliseconds, 'nobody logs in')
    await reportGuesses(server, milliseconds * 4, ['127.0.0.2'], 'guesses of one address')
    const addresses = Array.from({ length: GUESSING_ADDRESSES }, (_, at) => `127.0.1.${at + 1}`)
    const guessing = reportGuesses(server, milliseconds * 2, addresses, 'guesses of 100 addresses')
    await reportBystander(server, milliseconds, '100 addresses guess')
    await guessing
    reportResident(server, 'at the end')
  } finally {
    await scope.close()
  }
}

async function start(scope: SuiteScope): Promise<Server> {
  const hashes = await Promise.all(
    Array.from({ length: NEW_USERS }, (_, at) => hashPassword(Buffer.from(`user${at}`))),
  )
  const entries = hashes.map(
    (hash, at) => `- name: user${at}\n  passwordHash: ${hash}\n  commands: [read, write]\n`,
  )
  const path = writeUsers(scope, `users:\n${entries.join('')}`)
  const plain = join(usersFolder(scope), 'plain')
  writeFileSync(plain, 'plain:plain\n')
  return await Server.start(scope, {
    flags: ['-t', '1', '-Y', plain],
    environment: usersFlags(path),
  })
}

async function reportNewUsers(server: Server): Promise<void> {
  const began = performance.now()
  for (let at = 0; at < NEW_USERS; at++) await logInOnce(server, `user${at}`)
  report('logins of new users (scrypt, ln=14,r=8,p=1)', NEW_USERS, performance.now() - began)
}

async function reportLogins(
  server: Server,
  milliseconds: number,
  user: string,
  what: string,
): Promise<void> {
  let count = 0
  const began = performance.now()
  const repeat = async (): Promise<void> => {
    while (performance.now() - began < milliseconds) {
      await logInOnce(server, user)
      count++
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, repeat))
  report(`${what}, each on a new connection`, count, performance.now() - began)
}

async function logInOnce(server: Server, user: string): Promise<void> {
  const client = await Client.connect(server.address)
  sendLogin(client, user, user)
  await client.expect('STORED\r\n')
  client.close()
}

/** As a guesser would: many connections, and none waits for an answer that takes long. */
async function reportGuesses(
  server: Server,
  milliseconds: number,
  addresses: readonly string[],
  what: string,
): Promise<void> {
  let answers = 0
  const sockets: Socket[] = []
  const began = performance.now()
  for (const localAddress of addresses) {
    for (let each = 0; each < Math.ceil(AT_ONCE / addresses.length); each++) {
      const socket = connect({ host: '127.0.0.1', port: server.port, localAddress })
      await once(socket, 'connect')
      sockets.push(socket)
      let guess = 0
      const send = (): void => {
        const token = `user0 ${each} guess ${guess++}`
        socket.write(`set x 0 0 ${token.length}\r\n${token}\r\n`)
      }
      socket.on('data', () => {
        answers++
        send()
      })
      send()
    }
  }
  await new Promise((resolve) => setTimeout(resolve, milliseconds))
  for (const socket of sockets) socket.destroy()
  report(what, answers, performance.now() - began)
}

/** How long another client's gets take meanwhile. */
async function reportBystander(server: Server, milliseconds: number, what: string): Promise<void> {
  const client = await Client.connect(server.address)
  sendLogin(client, 'plain', 'plain')
  await client.expect('STORED\r\n')
  const times: number[] = []
  const began = performance.now()
  while (performance.now() - began < milliseconds) {
    const sent = performance.now()
    client.send('get x\r\n')
    await client.expect('END\r\n')
    times.push(performance.now() - sent)
  }
  client.close()
  times.sort((a, b) => a - b)
  const at = (share: number): string => (times[Math.floor(times.length * share)] ?? 0).toFixed(2)
  console.log(`a get of another client while ${what}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`)
}

/** And the most there has been of it. */
function reportResident(server: Server, when: string): void {
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8')
  const mebibytes = (name: string): string =>
    (Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]) / 1024).toFixed(0)
  console.log(`resident ${when}: ${mebibytes('VmRSS')} MiB, at most ${mebibytes('VmHWM')} MiB`)
}

function report(what: string, count: number, milliseconds: number): void {
  console.log(
    `${what}: ${count} in ${(milliseconds / 1000).toFixed(1)} s, ${((count / milliseconds) * 1000).toFixed(1)}/s`,
  )
}
