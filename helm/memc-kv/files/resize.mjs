// After an upgrade that may have changed no pod: running caches take the new memory limit at once
// (cache_memlimit), and keep their items. A pod that is being replaced reads it from its file.
import { existsSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'

// biome-ignore lint/style/noProcessEnv: variables are all that this pod is told.
const { PODS, CACHE_PORT, CACHE_MEBIBYTES, USERS_FILE } = process.env
const USERS = USERS_FILE ?? '/etc/memc-kv/auth/users'
const ANSWER_MILLISECONDS = 10_000

function login() {
  if (!existsSync(USERS)) return { request: '', reply: '' }
  const [user, ...password] = readFileSync(USERS, 'latin1')
    .split('\n')[0]
    .replace(/\r$/, '')
    .split(':')
  const words = `${user} ${password.join(':')}`
  return { request: `set auth 0 0 ${words.length}\r\n${words}\r\n`, reply: 'STORED\r\n' }
}

/** 'OK', what the cache said instead, or undefined when nobody answers. */
function resize(host) {
  const { request, reply } = login()
  return new Promise((settle) => {
    const socket = connect(Number(CACHE_PORT), host)
    let input = ''
    let connected = false
    const end = (result) => {
      socket.destroy()
      settle(result)
    }
    socket.setTimeout(ANSWER_MILLISECONDS, () =>
      end(connected ? `no answer; got ${input}` : undefined),
    )
    socket.on('error', (error) => end(connected ? error.message : undefined))
    socket.on('close', () => end(connected ? `closed; got ${input}` : undefined))
    socket.on('connect', () => {
      connected = true
      socket.write(`${request}cache_memlimit ${CACHE_MEBIBYTES}\r\n`)
    })
    socket.on('data', (chunk) => {
      input += chunk.toString('latin1')
      if (input === `${reply}OK\r\n`) end('OK')
      else if (!`${reply}OK\r\n`.startsWith(input)) end(JSON.stringify(input))
    })
  })
}

let failed = false
for (const pod of PODS.split(' ')) {
  const result = await resize(pod)
  if (result === 'OK') console.log(`${pod}: ${CACHE_MEBIBYTES} MiB`)
  else if (result === undefined)
    console.log(`${pod}: not reached; it reads its file when it starts`)
  else {
    console.error(`${pod}: not resized: ${result}`)
    failed = true
  }
}
process.exit(failed ? 1 : 0)
