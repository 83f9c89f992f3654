import type { Config } from '../../../src/base/config.ts'
import { settings } from '../../../src/config/schema.ts'

/** The server's settings when nobody gives any. */
export function defaultConfig(): Config {
  const config: Record<string, Record<string, unknown>> = {}
  for (const { section, name, setting } of settings) {
    config[section] ??= {}
    config[section][name] = setting.default
  }
  return config as unknown as Config
}
