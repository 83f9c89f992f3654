import { ConfigError, suggestion } from './config-error.ts'
import { settingByEnvironment } from './schema.ts'

/** One variable, on its way to a setting. */
export interface EnvironmentValue {
  readonly key: string
  readonly raw: string
  readonly name: string
}

export type Environment = Readonly<Record<string, string | undefined>>

const PREFIX = 'MEMCKV_'

/** Our own tests talk to themselves under these names. */
const TEST_PREFIX = 'MEMCKV_TEST_'

/** memcached's tests and tools know these. */
const DEBUG_VARIABLE = 'MEMCKV_DEBUG'
export const PORT_FILE_VARIABLE = 'MEMCACHED_PORT_FILENAME'

/**
 * Kubernetes puts variables for each service of a namespace into every pod. A service called
 * `memckv` or `memckv-something` makes these, and they are nobody's settings.
 */
const SERVICE_NAME =
  /_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/
const SERVICE_ADDRESS = /^(tcp|udp|sctp):\/\//

/** Everything MEMCKV_*; an empty variable counts as not given, an unknown one is refused. */
export function readEnvironment(environment: Environment): EnvironmentValue[] {
  const values: EnvironmentValue[] = []
  for (const name of Object.keys(environment).sort()) {
    const raw = environment[name]
    if (!name.startsWith(PREFIX) || raw === undefined || raw === '') continue
    if (name.startsWith(TEST_PREFIX)) continue
    if (SERVICE_NAME.test(name) || SERVICE_ADDRESS.test(raw)) continue
    const key = name === DEBUG_VARIABLE ? 'commands.debug' : settingByEnvironment.get(name)?.key
    if (key === undefined) {
      throw new ConfigError(
        'config',
        `environment ${name}: unknown variable${suggestion(name, settingByEnvironment.keys())}`,
      )
    }
    values.push({ key, raw, name })
  }
  return values
}

/** Where to write the ports we listen on, '' for nowhere. */
export function portFileOf(environment: Environment): string {
  return environment[PORT_FILE_VARIABLE] ?? ''
}
