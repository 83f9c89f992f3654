import { fatal } from '../base/fatal.ts'
import type { Settings } from '../config/load.ts'
import { printSource, settingsYaml } from '../config/load.ts'
import type { SettingValue, Sidecar, SidecarParts } from '../sidecar/sidecar.ts'
import type { Log } from '../telemetry/log.ts'
import { describeListenError, printPlace } from './listen-places.ts'

const PORT_KEY = 'sidecar.port'
const ADDRESS_KEY = 'sidecar.address'
/** Failures that another port would not mend. */
const ADDRESS_CODES: readonly string[] = ['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'ENOTFOUND', 'EAI_AGAIN']

/** What the sidecar is told by the parts of the server that run already. */
export type SidecarSources = Omit<SidecarParts, 'port' | 'address' | 'log' | 'info'>

/**
 * Starts the sidecar, unless it is turned off. Its code is loaded only now, while the workers load
 * theirs. When another process has the default port, nobody asked for this one: the server goes on
 * without a sidecar and says so. A port that somebody chose is another matter.
 */
export async function openSidecar(
  settings: Settings,
  log: Log,
  sources: SidecarSources,
): Promise<Sidecar | null> {
  const { port, address } = settings.config.sidecar
  if (port === 0) return null
  const { startSidecar } = await import('../sidecar/sidecar.ts')
  const info = infoOf(settings)
  try {
    return await startSidecar({ ...sources, port, address, log: log.part('sidecar'), info })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === '') throw error
    const detail = error instanceof Error ? error.message : ''
    const place = printPlace({ host: address, port: Math.max(0, port) })
    const line = describeListenError(code, place, detail)
    const key = ADDRESS_CODES.includes(code) ? ADDRESS_KEY : PORT_KEY
    const source = settings.sources.get(key)
    if (code === 'EADDRINUSE' && source?.kind === 'default') {
      log.part('sidecar').warn(`${line}; going on without probes and metrics (${PORT_KEY})`)
      return null
    }
    fatal('noListen', `${key} (${source === undefined ? '' : printSource(source)}): ${line}`)
  }
}

function infoOf(settings: Settings): SidecarParts['info'] {
  return {
    startedUnixMilliseconds: Math.round(performance.timeOrigin),
    settings: () => settingValues(settings),
    settingsYaml: () => settingsYaml(settings),
    derived: settings.derived,
  }
}

function settingValues({ config, sources }: Settings): SettingValue[] {
  return Object.entries(config).flatMap(([section, values]) =>
    Object.entries(values as Readonly<Record<string, unknown>>).map(([name, value]) => {
      const source = sources.get(`${section}.${name}`)
      const printed = source === undefined ? 'default' : printSource(source)
      return { key: `${section}.${name}`, value, source: printed }
    }),
  )
}
