import type { LogLevel } from '../base/config.ts'
import { RouteError } from './problem.ts'
import type { Route } from './route.ts'

/** The level of the log while the server runs. */
export interface LogLevelControl {
  level(): LogLevel
  /** When the level before comes back by itself, in Unix milliseconds; null: it does not. */
  untilUnixMilliseconds(): number | null
  set(level: LogLevel, forMilliseconds: number | null): void
}

const LEVELS: readonly LogLevel[] = ['fatal', 'error', 'warn', 'info', 'debug', 'trace']

/** Nobody remembers after a day that he made the log so talkative. */
const FOR_MILLISECONDS_MAX = 24 * 3_600_000
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

const LEVEL_SCHEMA = {
  type: 'object',
  properties: {
    level: { type: 'string', enum: LEVELS },
    until: { type: ['string', 'null'], format: 'date-time' },
  },
  required: ['level', 'until'],
  additionalProperties: false,
} as const

export function logLevelRoutes(control: LogLevelControl): Route[] {
  const replies = { 200: { description: 'The level in force.', schema: LEVEL_SCHEMA } }
  return [
    {
      method: 'GET',
      path: '/log/level',
      summary: 'The least important lines that are logged.',
      replies,
      answer: () => levelOf(control),
    },
    {
      method: 'PUT',
      path: '/log/level',
      summary: 'Changes the level, for good or for a time.',
      body: {
        type: 'object',
        properties: {
          level: { type: 'string', enum: LEVELS, description: 'the new level' },
          for: {
            type: 'string',
            pattern: '^[0-9]{1,9}(ms|s|m|h)$',
            description: 'a duration such as 30s or 10m, at most 24h',
          },
        },
        required: ['level'],
        additionalProperties: false,
      },
      replies,
      answer: (request) => {
        const body = request.body as { level: LogLevel; for?: string }
        control.set(body.level, body.for === undefined ? null : readDuration(body.for))
        return levelOf(control)
      },
    },
  ]
}

function levelOf(control: LogLevelControl): object {
  const until = control.untilUnixMilliseconds()
  return { level: control.level(), until: until === null ? null : new Date(until).toISOString() }
}

function readDuration(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+)(\D+)$/.exec(text) ?? []
  const milliseconds = Number(digits) * (UNITS[unit] ?? Number.NaN)
  if (milliseconds > 0 && milliseconds <= FOR_MILLISECONDS_MAX) return milliseconds
  throw new RouteError(
    400,
    'the body is not allowed: for must be a duration such as 30s or 10m, at most 24h',
  )
}
