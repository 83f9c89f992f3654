import type { Settings } from '../../src/config/load.ts'
import { ConfigError, loadSettings } from '../../src/config/load.ts'

/** A machine on which nothing is scarce, so that tests do not depend on the one they run on. */
export const MACHINE = {
  processors: 8,
  processorQuota: Number.POSITIVE_INFINITY,
  memoryBytes: Number.POSITIVE_INFINITY,
  descriptors: 1_000_000,
}

export interface Given {
  readonly argv?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly machine?: Partial<typeof MACHINE>
}

/** The settings that a command line (words between spaces) and an environment lead to. */
export async function load(given: Given = {}): Promise<Settings> {
  const loaded = await loadAny(given)
  if (loaded.kind !== 'settings') throw new Error(`an answer instead of settings: ${loaded.text}`)
  return loaded
}

/** What -h and the like print. */
export async function answerTo(argv: string): Promise<string> {
  const loaded = await loadAny({ argv })
  if (loaded.kind !== 'answer') throw new Error('settings instead of an answer')
  return loaded.text
}

/** How it is refused; fails when it is not. */
export async function refusal(given: Given): Promise<{ reason: string; message: string }> {
  try {
    await loadAny(given)
  } catch (error) {
    if (error instanceof ConfigError) return { reason: error.reason, message: error.message }
    throw error
  }
  throw new Error(`not refused: ${given.argv ?? ''} ${JSON.stringify(given.environment ?? {})}`)
}

function loadAny(given: Given): ReturnType<typeof loadSettings> {
  return loadSettings({
    argv: (given.argv ?? '').split(' ').filter((word) => word !== ''),
    environment: given.environment ?? {},
    machine: { ...MACHINE, ...given.machine },
  })
}

/** The value of a dotted key. */
export function settingOf(settings: Settings, key: string): unknown {
  const [section = '', name = ''] = key.split('.')
  const sections = settings.config as unknown as Record<string, Record<string, unknown>>
  return sections[section]?.[name]
}
