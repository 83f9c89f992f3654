import convict from 'convict'
import type { Config } from '../base/config.ts'
import { asksForCertificates } from './check-tls.ts'
import type { Source } from './config-error.ts'
import { ConfigError, DEFAULT_SOURCE, printSource, suggestion } from './config-error.ts'
import type { Derived, MemoryUsers, Sources } from './derive.ts'
import { derive, residentBytes } from './derive.ts'
import type { Environment } from './environment.ts'
import { portFileOf, readEnvironment } from './environment.ts'
import type { FlagAction } from './flag-row.ts'
import { parseFlags } from './flags.ts'
import type { Machine, ReadText, SocketGauge } from './machine.ts'
import { findSocketGauge, readMachine, readMemoryBytes } from './machine.ts'
import type { Tracing } from './open-telemetry.ts'
import { decideTracing } from './open-telemetry.ts'
import { convictSchema, settingByKey, settings } from './schema.ts'

export type { Derived, MemoryUsers, Sources } from './derive.ts'
export type { Tracing } from './open-telemetry.ts'
export type { ReadText, SocketGauge }
export { asksForCertificates, ConfigError, findSocketGauge, printSource, residentBytes }

/** The checked configuration, and what the control thread needs to know about it. */
export interface Settings {
  readonly kind: 'settings'
  readonly config: Config
  readonly sources: Sources
  readonly derived: Derived
  /** Flags that were accepted without having a meaning here: for the log. */
  readonly notes: readonly string[]
  /** MEMCACHED_PORT_FILENAME; '' none. */
  readonly portFile: string
  readonly tracing: Tracing
}

/** The command line only asked for words. */
export interface Answer {
  readonly kind: 'answer'
  readonly text: string
}

export interface LoadInput {
  readonly argv?: readonly string[]
  readonly environment?: Environment
  readonly machine?: Machine
}

/**
 * From defaults, file, environment and flags, each stronger than the one before, to one frozen
 * Config. Every value given is checked, also one that a stronger source overrules. Throws a
 * ConfigError, whose message is the one line to show.
 */
export async function loadSettings(input: LoadInput = {}): Promise<Settings | Answer> {
  const environment = input.environment ?? process.env
  const flags = parseFlags(input.argv ?? process.argv.slice(2))
  if (flags.action !== 'run' && flags.action !== 'print-config') return answer(flags.action)

  const layers = new Layers()
  if (flags.configFile !== '') {
    const { readConfigFile } = await import('./config-file.ts')
    const source: Source = { kind: 'file', name: flags.configFile }
    for (const { key, raw } of await readConfigFile(flags.configFile)) layers.give(key, raw, source)
  }
  for (const { key, raw, name } of readEnvironment(environment)) {
    layers.give(key, raw, { kind: 'environment', name })
  }
  for (const { key, raw, given, flag } of flags.values) {
    layers.give(key, raw, { kind: 'flag', name: flag }, given)
  }
  const config = layers.freeze()
  const tracing = decideTracing(config.traces, environment)
  const machine = input.machine ?? readMachine()
  const derived = derive(config, layers.sources, machine, tracing.sampling !== null)
  const result: Settings = {
    kind: 'settings',
    config,
    sources: layers.sources,
    derived,
    notes: flags.notes,
    portFile: portFileOf(environment),
    tracing,
  }
  if (flags.action === 'run') return result
  return { kind: 'answer', text: await settingsYaml(result) }
}

/** What --print-config writes. */
export async function settingsYaml(effective: Settings): Promise<string> {
  const { printConfig } = await import('./print-config.ts')
  return printConfig(effective)
}

export interface MemoryShortage {
  readonly neededBytes: number
  readonly grantedBytes: number
}

/** What the container grants beyond what the process itself may grow to; Infinity: nothing is limited. */
export function memoryBeside(residentBytesMax: number, read?: ReadText): number {
  return readMemoryBytes(read) - residentBytesMax
}

/**
 * Whether a limit for items is too much for the container as it is now, for it may have been resized
 * since the start. Null: it fits, or nothing is known of a container.
 */
export function memoryShortage(memoryLimit: number, users: MemoryUsers): MemoryShortage | null {
  const neededBytes = residentBytes(memoryLimit, users)
  const grantedBytes = readMemoryBytes()
  return neededBytes > grantedBytes ? { neededBytes, grantedBytes } : null
}

/**
 * For a library that reads the environment by itself: OpenTelemetry's SDK. Nothing of ours looks
 * there after the start.
 */
export function giveToEnvironment(variables: Readonly<Record<string, string>>): void {
  Object.assign(process.env, variables)
}

/** Values given so far; a later one replaces an earlier one. */
class Layers {
  readonly sources = new Map<string, Source>(settings.map(({ key }) => [key, DEFAULT_SOURCE]))
  readonly #values: Record<string, Record<string, unknown>> = {}

  give(key: string, raw: unknown, source: Source, given: unknown = raw): void {
    const entry = settingByKey.get(key)
    if (entry === undefined) {
      const hint = suggestion(key, settingByKey.keys())
      throw new ConfigError('usage', `flag ${source.name}: unknown setting ${key}${hint}`)
    }
    const { rule } = entry.setting
    const value = rule.read(raw)
    if (value === undefined) throw ConfigError.badValue(key, source, given, rule.allowed)
    this.#values[entry.section] ??= {}
    Object.assign(this.#values[entry.section] ?? {}, { [entry.name]: value })
    this.sources.set(key, source)
  }

  freeze(): Config {
    const config = convict(convictSchema, { env: {}, args: [] })
    config.load(this.#values)
    config.validate({ allowed: 'strict' })
    return deepFreeze(config.getProperties())
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  for (const part of Object.values(value)) deepFreeze(part)
  return Object.freeze(value)
}

async function answer(action: Exclude<FlagAction, 'run' | 'print-config'>): Promise<Answer> {
  const { helpText, licenseText } = await import('./help.ts')
  const { versionLine } = await import('../version.ts')
  const texts = { help: helpText, version: () => versionLine, license: licenseText }
  return { kind: 'answer', text: texts[action]() }
}
