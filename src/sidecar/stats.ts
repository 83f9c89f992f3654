import type { StatsSource } from '../telemetry/stats.ts'
import { generalStats } from '../telemetry/stats.ts'
import { itemsStats, slabsStats } from '../telemetry/stats-classes.ts'
import { settingsStats } from '../telemetry/stats-settings.ts'
import type { Route } from './route.ts'

type StatValue = number | string
type StatGroup = Record<string, StatValue>

/** Those that are words even where they look like numbers. */
const WORDS: readonly string[] = ['inter', 'domain_socket', 'umask', 'stat_key_prefix']

const VALUE = { type: ['number', 'string'] } as const
const GROUP = { type: 'object', additionalProperties: VALUE } as const
const GROUPS = {
  type: 'object',
  description: 'By number of the size class.',
  additionalProperties: GROUP,
} as const

const STATS_SCHEMA = {
  type: 'object',
  properties: {
    general: { ...GROUP, description: 'stats' },
    settings: { ...GROUP, description: 'stats settings' },
    items: { ...GROUPS, description: 'stats items, by size class' },
    slabs: {
      type: 'object',
      description: 'stats slabs',
      properties: { classes: GROUPS, totals: GROUP },
      required: ['classes', 'totals'],
      additionalProperties: false,
    },
  },
  required: ['general', 'settings', 'items', 'slabs'],
  additionalProperties: false,
} as const

/** What a client gets by `stats`, from the same functions: the two cannot differ. */
export function statsRoutes(source: StatsSource): Route[] {
  return [
    {
      method: 'GET',
      path: '/stats',
      summary: 'What `stats`, `stats settings`, `stats items` and `stats slabs` say, as JSON.',
      replies: {
        200: { description: 'Figures since the last stats reset.', schema: STATS_SCHEMA },
      },
      answer: () => ({
        general: readGroup(generalStats(source)),
        settings: readGroup(settingsStats(source)),
        items: readClasses(itemsStats(source).toString('latin1')).classes,
        slabs: readClasses(slabsStats(source).toString('latin1')),
      }),
    },
  ]
}

function readLines(text: string): [name: string, value: StatValue][] {
  return text
    .split('\r\n')
    .filter((line) => line.startsWith('STAT '))
    .map((line) => {
      const [, name = '', ...words] = line.split(' ')
      return [name, readValue(name, words.join(' '))]
    })
}

function readValue(name: string, text: string): StatValue {
  return !WORDS.includes(name) && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text
}

function readGroup(text: string): StatGroup {
  return Object.fromEntries(readLines(text))
}

/** `items:3:number` and `3:chunk_size` belong to class 3; what has no class is a total. */
function readClasses(text: string): { classes: Record<string, StatGroup>; totals: StatGroup } {
  const classes: Record<string, StatGroup> = {}
  const totals: StatGroup = {}
  for (const [name, value] of readLines(text)) {
    const [, sizeClass, figure] = /^(?:items:)?(\d+):(.+)$/.exec(name) ?? []
    if (sizeClass === undefined || figure === undefined) {
      totals[name] = value
      continue
    }
    const group = classes[sizeClass] ?? {}
    classes[sizeClass] = group
    group[figure] = value
  }
  return { classes, totals }
}
