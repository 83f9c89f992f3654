import type { FastifyReply } from 'fastify'
import type { ReplyDescription, Route } from './route.ts'

/** How far the server is, as the lifecycle says it. */
export type ServerState = 'starting' | 'ready' | 'draining' | 'stopped'

/** What the probes ask. */
export interface HealthSource {
  readonly state: () => ServerState
  /** For each worker, milliseconds since the control thread last saw it make progress. */
  readonly workerSilences: () => readonly number[]
}

/**
 * A worker beats ten times a second. One that did not for so long answers nobody, and with
 * workers.heartbeatTimeout (10 s if nothing is said) the process will end itself soon; a probe that
 * says so before gives whoever watches from outside the reason.
 */
export const WORKER_SILENCE_MILLISECONDS_MAX = 5_000

interface Check {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
}

const HEALTH_SCHEMA = {
  type: 'object',
  properties: {
    status: { type: 'string', enum: ['ok', 'failed'] },
    checks: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          name: { type: 'string' },
          ok: { type: 'boolean' },
          detail: { type: 'string' },
        },
        required: ['name', 'ok', 'detail'],
        additionalProperties: false,
      },
    },
  },
  required: ['status', 'checks'],
  additionalProperties: false,
} as const

const REPLIES: Readonly<Record<number, ReplyDescription>> = {
  200: { description: 'All checks passed.', schema: HEALTH_SCHEMA },
  503: { description: 'A check failed; it says which.', schema: HEALTH_SCHEMA },
}

/** Kubernetes' three questions. None of them touches the data port, so clients cannot starve them. */
export function probeRoutes(health: HealthSource): Route[] {
  return [
    probe('/livez', 'Is every thread making progress? If not, a restart is the cure.', () =>
      liveChecks(health),
    ),
    probe('/readyz', 'Should clients be sent here?', () => readyChecks(health)),
    probe('/startupz', 'Has the server begun to serve?', () => [startCheck(health)]),
  ]
}

function probe(path: string, summary: string, check: () => readonly Check[]): Route {
  return {
    method: 'GET',
    path,
    summary,
    replies: REPLIES,
    open: true,
    answer: (_request, reply) => answerChecks(reply, check()),
  }
}

function answerChecks(reply: FastifyReply, checks: readonly Check[]): object {
  const ok = checks.every((check) => check.ok)
  reply.code(ok ? 200 : 503)
  return { status: ok ? 'ok' : 'failed', checks }
}

function liveChecks(health: HealthSource): Check[] {
  // That this thread answers at all is what there is to know about it.
  return [{ name: 'control', ok: true, detail: 'answers' }, ...workerChecks(health)]
}

function readyChecks(health: HealthSource): Check[] {
  return [startCheck(health), drainCheck(health), ...workerChecks(health)]
}

function workerChecks(health: HealthSource): Check[] {
  return health.workerSilences().map((silence, index) => {
    const ok = silence <= WORKER_SILENCE_MILLISECONDS_MAX
    const detail = ok ? 'makes progress' : `no progress for ${Math.round(silence)} ms`
    return { name: `worker-${index}`, ok, detail }
  })
}

function startCheck(health: HealthSource): Check {
  const ok = health.state() !== 'starting'
  return { name: 'listening', ok, detail: ok ? 'all workers listen' : 'workers are starting' }
}

function drainCheck(health: HealthSource): Check {
  const state = health.state()
  const ok = state !== 'draining' && state !== 'stopped'
  return { name: 'draining', ok, detail: ok ? 'no' : 'the server is being stopped' }
}
