import { protocolVersion, version } from '../version.ts'
import type { Route } from './route.ts'

export interface SettingValue {
  /** section.name */
  readonly key: string
  /** Sizes in bytes, durations in milliseconds. */
  readonly value: unknown
  /** default, or the file, variable or flag that gave it. */
  readonly source: string
}

/** What does not change while the server runs. */
export interface InfoSource {
  readonly startedUnixMilliseconds: number
  readonly settings: () => readonly SettingValue[]
  /** What --print-config writes. */
  readonly settingsYaml: () => Promise<string>
  readonly derived: {
    readonly workerCount: number
    readonly connectionsMax: number
    readonly residentBytesMax: number
    readonly warnings: readonly string[]
  }
}

const TEXT = { type: 'string' } as const
const COUNT = { type: 'integer', minimum: 0 } as const

const VERSION_SCHEMA = {
  type: 'object',
  properties: {
    name: TEXT,
    version: TEXT,
    protocolVersion: { type: 'string', description: 'The memcached release that is spoken.' },
    node: TEXT,
    startedAt: { type: 'string', format: 'date-time' },
    uptimeSeconds: COUNT,
  },
  required: ['name', 'version', 'protocolVersion', 'node', 'startedAt', 'uptimeSeconds'],
  additionalProperties: false,
} as const

const CONFIG_SCHEMA = {
  type: 'object',
  properties: {
    settings: {
      type: 'object',
      description: 'By section.name. Sizes are bytes, durations milliseconds.',
      additionalProperties: {
        type: 'object',
        properties: { value: {}, source: TEXT },
        required: ['value', 'source'],
        additionalProperties: false,
      },
    },
    derived: {
      type: 'object',
      properties: {
        workers: COUNT,
        connectionsMax: COUNT,
        residentBytesMax: COUNT,
        warnings: { type: 'array', items: TEXT },
      },
      required: ['workers', 'connectionsMax', 'residentBytesMax', 'warnings'],
      additionalProperties: false,
    },
  },
  required: ['settings', 'derived'],
  additionalProperties: false,
} as const

export function infoRoutes(info: InfoSource): Route[] {
  return [versionRoute(info), configRoute(info)]
}

function versionRoute({ startedUnixMilliseconds }: InfoSource): Route {
  const startedAt = new Date(startedUnixMilliseconds).toISOString()
  return {
    method: 'GET',
    path: '/version',
    summary: 'What runs here, and since when.',
    replies: { 200: { description: 'Versions.', schema: VERSION_SCHEMA } },
    answer: () => ({
      name: 'memc-kv',
      version,
      protocolVersion,
      node: process.version,
      startedAt,
      uptimeSeconds: Math.floor(process.uptime()),
    }),
  }
}

function configRoute(info: InfoSource): Route {
  return {
    method: 'GET',
    path: '/config',
    summary: 'The settings in force and where each came from.',
    query: {
      type: 'object',
      properties: {
        format: {
          type: 'string',
          enum: ['json', 'yaml'],
          default: 'json',
          description: 'yaml is what --config reads back',
        },
      },
      additionalProperties: false,
    },
    replies: {
      200: {
        description: 'All settings.',
        contentTypes: ['application/json', 'application/yaml'],
        schema: CONFIG_SCHEMA,
      },
    },
    answer: async (request, reply) => {
      const { format } = request.query as { format: string }
      if (format === 'json') return configOf(info)
      reply.type('application/yaml; charset=utf-8')
      return `${await info.settingsYaml()}\n`
    },
  }
}

/** Secrets lie in files of their own (auth.file, auth.usersFile, sidecar.tokenFile), of which only the path is a setting. */
function configOf({ settings, derived }: InfoSource): object {
  const { workerCount, connectionsMax, residentBytesMax, warnings } = derived
  return {
    settings: Object.fromEntries(
      settings().map(({ key, value, source }) => [key, { value, source }]),
    ),
    derived: { workers: workerCount, connectionsMax, residentBytesMax, warnings },
  }
}
