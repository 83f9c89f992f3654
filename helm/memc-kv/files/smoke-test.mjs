// The script of `helm test`: what a client does, through the Service, and whether the hit is counted.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'

// biome-ignore lint/style/noProcessEnv: variables are all that this pod is told.
const { CACHE_ADDRESS, PODS, METRICS_PORT, USERS_FILE, TLS_NAME } = process.env
const USERS = USERS_FILE ?? '/etc/memc-kv/auth/users'
const TLS_FOLDER = '/etc/memc-kv/tls'
const TOKEN = textOf('/etc/memc-kv/sidecar/token')?.split('\n')[0].trim()
const ANSWER_MILLISECONDS = 10_000

function textOf(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}

/** A socket, and the event at which it may be written to: not before the certificate is known to be good. */
function open(port, host) {
  if (TLS_NAME === undefined) return [connect(port, host), 'connect']
  const [ca, cert, key] = ['ca.crt', 'tls.crt', 'tls.key'].map((name) =>
    textOf(`${TLS_FOLDER}/${name}`),
  )
  return [connectTls({ port, host, servername: TLS_NAME, ca, cert, key }), 'secureConnect']
}

/** One connection. A reply is as long as the pattern says. */
function client(address) {
  const [, host, port] = /^(.*):(\d+)$/.exec(address)
  const [socket, opened] = open(Number(port), host)
  const ready = new Promise((settle) => socket.once(opened, settle))
  let input = ''
  let check = () => {}
  socket.setEncoding('latin1')
  socket.on('data', (chunk) => {
    input += chunk
    check()
  })
  return {
    close: () => socket.destroy(),
    ask: (request, pattern) =>
      new Promise((settle, fail) => {
        const said = JSON.stringify(request)
        const giveUp = (why) =>
          fail(new Error(`${address}: ${said}: ${why}; got ${JSON.stringify(input)}`))
        const timer = setTimeout(() => giveUp('no answer in time'), ANSWER_MILLISECONDS)
        socket.once('error', (error) => giveUp(error.message))
        check = () => {
          const match = pattern.exec(input)
          if (match === null) return
          clearTimeout(timer)
          input = input.slice(match.index + match[0].length)
          settle(match)
        }
        // The bytes of a password as they are in its file, which need not be UTF-8.
        void ready.then(() => socket.write(request, 'latin1'))
        check()
      }),
  }
}

/** Sum of the hits that the metrics of all pods show. */
async function hits(pods) {
  let sum = 0
  for (const pod of pods) {
    const reply = await fetch(`http://${pod}:${METRICS_PORT}/metrics`, {
      headers: TOKEN === undefined ? {} : { authorization: `Bearer ${TOKEN}` },
    }).catch((error) => error)
    // An autoscaler may not have made this pod.
    if (reply instanceof Error) continue
    assert.equal(reply.status, 200, `${pod}: /metrics answers ${reply.status}`)
    const name =
      /^memcached_commands_total\{(?=[^}]*command="get")(?=[^}]*status="hit")[^}]*\} (\S+)/m
    const match = name.exec(await reply.text())
    assert.ok(match, `${pod}: /metrics does not count hits`)
    sum += Number(match[1])
  }
  return sum
}

const pods = PODS.split(' ')
const before = await hits(pods)
const cache = client(CACHE_ADDRESS)
if (existsSync(USERS)) {
  const [user, ...password] = readFileSync(USERS, 'latin1')
    .split('\n')[0]
    .replace(/\r$/, '')
    .split(':')
  const words = `${user} ${password.join(':')}`
  await cache.ask(`set auth 0 0 ${words.length}\r\n${words}\r\n`, /^STORED\r\n/)
}
const key = `memc-kv-helm-test-${process.pid}-${Date.now()}`
await cache.ask(`set ${key} 7 60 5\r\nhello\r\n`, /^STORED\r\n/)
await cache.ask(`get ${key}\r\n`, /^VALUE \S+ 7 5\r\nhello\r\nEND\r\n/)
await cache.ask(`touch ${key} 30\r\n`, /^TOUCHED\r\n/)
await cache.ask(`delete ${key}\r\n`, /^DELETED\r\n/)
await cache.ask(`get ${key}\r\n`, /^END\r\n/)
cache.close()
const counted = (await hits(pods)) - before
assert.ok(counted >= 1, `the hit does not show in /metrics: ${counted} more than before`)
console.log(`set, get, touch and delete through ${CACHE_ADDRESS}; ${counted} more hits in /metrics`)
