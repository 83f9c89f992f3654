// After an upgrade that may have changed no pod: running caches take the new memory limit at once
// (cache_memlimit), and keep their items. A pod that is being replaced reads it from its file.
import { existsSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'

// biome-ignore lint/style/noProcessEnv: variables are all that this pod is told.
const { PODS, PODS_STAY, CACHE_PORT, CACHE_MEBIBYTES, USERS_FILE, TLS_NAME } = process.env
const USERS = USERS_FILE ?? '/etc/memc-kv/auth/users'
const TLS_FOLDER = '/etc/memc-kv/tls'
const ANSWER_MILLISECONDS = 10_000

/** A socket, and the event at which it may be written to: not before the certificate is known to be good. */
function open(port, host) {
  if (TLS_NAME === undefined) return [connect(port, host), 'connect']
  const [ca, cert, key] = ['ca.crt', 'tls.crt', 'tls.key'].map((name) => {
    const file = `${TLS_FOLDER}/${name}`
    return existsSync(file) ? readFileSync(file) : undefined
  })
  return [connectTls({ port, host, servername: TLS_NAME, ca, cert, key }), 'secureConnect']
}

function login() {
  if (!existsSync(USERS)) return { request: '', reply: '' }
  const [user, ...password] = readFileSync(USERS, 'latin1')
    .split('\n')[0]
    .replace(/\r$/, '')
    .split(':')
  const words = `${user} ${password.join(':')}`
  return { request: `set auth 0 0 ${words.length}\r\n${words}\r\n`, reply: 'STORED\r\n' }
}

// What a cache may answer, as a class of its own each.
const DONE = 'done'
const ABSENT = 'absent'
const NO_ROOM = 'no room'

/** One of the above, or what went wrong. A cache that ends, or has other users than we, is about to start anew. */
function resize(host) {
  const { request, reply } = login()
  return new Promise((settle) => {
    const [socket, opened] = open(Number(CACHE_PORT), host)
    let input = ''
    const end = (result) => {
      socket.destroy()
      settle(result)
    }
    socket.setTimeout(ANSWER_MILLISECONDS, () =>
      end(socket.connecting ? ABSENT : `no answer in time; got ${JSON.stringify(input)}`),
    )
    socket.on('error', () => end(ABSENT))
    socket.on('close', () => end(ABSENT))
    socket.on(opened, () =>
      // The file's bytes as they are, which need not be UTF-8.
      socket.write(`${request}cache_memlimit ${CACHE_MEBIBYTES}\r\n`, 'latin1'),
    )
    socket.on('data', (chunk) => {
      input += chunk.toString('latin1')
      if (!input.endsWith('\r\n') || input === reply) return
      if (input === `${reply}OK\r\n`) end(DONE)
      else if (input.startsWith(`${reply}MEMLIMIT_ADJUST_FAILED out of bounds`)) end(NO_ROOM)
      else if (/^CLIENT_ERROR (?:authentication failure|unauthenticated)/.test(input)) end(ABSENT)
      else end(JSON.stringify(input))
    })
  })
}

let failed = false
for (const pod of PODS.split(' ')) {
  const result = await resize(pod)
  if (result === DONE) {
    console.log(`${pod}: ${CACHE_MEBIBYTES} MiB`)
  } else if (result === ABSENT) {
    console.log(`${pod}: not reached, or not with these users; it reads its size when it starts`)
  } else if (result === NO_ROOM && PODS_STAY !== 'true') {
    console.log(`${pod}: no room for ${CACHE_MEBIBYTES} MiB; the pod that replaces it has`)
  } else if (result === NO_ROOM) {
    console.error(
      `${pod}: not resized: no room for ${CACHE_MEBIBYTES} MiB in its container. Give the pod room first ` +
        `(kubectl patch pod --subresource resize, numbers in NOTES), then upgrade again; or delete the pod, ` +
        `and its items with it`,
    )
    failed = true
  } else {
    console.error(`${pod}: not resized: ${result}`)
    failed = true
  }
}
process.exit(failed ? 1 : 0)
