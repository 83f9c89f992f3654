// The script of `helm test`: what a client does, through the Service, and whether the hit is counted.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { get as getPlain } from 'node:http'
import { get as getTls } from 'node:https'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'

// biome-ignore lint/style/noProcessEnv: variables are all that this pod is told.
const { CACHE_ADDRESS, PODS, METRICS_PORT, USERS_FILE, TLS_NAME, METRICS_TLS_NAME } = process.env
const USERS = USERS_FILE ?? '/etc/memc-kv/auth/users'
const TOKEN = textOf('/etc/memc-kv/sidecar/token')?.split('\n')[0].trim()
const ANSWER_MILLISECONDS = 10_000

function textOf(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}

/** Whom to trust, and what to show. */
function credentials(folder) {
  const [ca, cert, key] = ['ca.crt', 'tls.crt', 'tls.key'].map((name) =>
    textOf(`/etc/memc-kv/${folder}/${name}`),
  )
  return { ca, cert, key }
}

/** A socket, and the event at which it may be written to: not before the certificate is known to be good. */
function open(port, host) {
  if (TLS_NAME === undefined) return [connect(port, host), 'connect']
  const options = { port, host, servername: TLS_NAME, ...credentials('tls') }
  return [connectTls(options), 'secureConnect']
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

/** What /metrics of a pod says; undefined when there is no such pod, as where an autoscaler has not made it. */
function metrics(host) {
  const headers = TOKEN === undefined ? {} : { authorization: `Bearer ${TOKEN}` }
  const options = {
    host,
    port: METRICS_PORT,
    path: '/metrics',
    headers,
    timeout: ANSWER_MILLISECONDS,
  }
  const [get, secure] =
    METRICS_TLS_NAME === undefined
      ? [getPlain, {}]
      : [getTls, { servername: METRICS_TLS_NAME, ...credentials('sidecar-tls') }]
  return new Promise((settle, fail) => {
    const request = get({ ...options, ...secure }, (reply) => {
      const { statusCode } = reply
      reply.setEncoding('utf8')
      reply.toArray().then((parts) => settle({ statusCode, text: parts.join('') }), fail)
    })
    request.on('timeout', () =>
      request.destroy(new Error(`${host}: /metrics is not answered in time`)),
    )
    // The system does not reach it; what else there is, such as a certificate nobody vouches for, is a fault.
    request.on('error', (error) => (error.syscall === undefined ? fail(error) : settle(undefined)))
  })
}

/** Sum of the hits that the metrics of all pods show. */
async function hits(pods) {
  let sum = 0
  for (const pod of pods) {
    const reply = await metrics(pod)
    if (reply === undefined) continue
    assert.equal(reply.statusCode, 200, `${pod}: /metrics answers ${reply.statusCode}`)
    const name =
      /^memcached_commands_total\{(?=[^}]*command="get")(?=[^}]*status="hit")[^}]*\} (\S+)/m
    const match = name.exec(reply.text)
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
