import { printSource } from './config-error.ts'
import type { Settings } from './load.ts'
import { settings } from './schema.ts'

/**
 * --print-config: the effective settings as YAML that --config reads back, each with the place its
 * value came from as a comment. Secrets are in files of their own, so their paths can be shown.
 */
export function printConfig(effective: Settings): string {
  const { config, sources, derived } = effective
  const lines: string[] = []
  let section = ''
  for (const entry of settings) {
    if (entry.section !== section) lines.push(`${entry.section}:`)
    section = entry.section
    const values = config[entry.section as keyof typeof config] as unknown as Record<
      string,
      unknown
    >
    const text = scalar(entry.setting.rule.print(values[entry.name]))
    const source = sources.get(entry.key)
    const left = `  ${entry.name}: ${text}`
    lines.push(`${left.padEnd(39)} # ${source === undefined ? 'default' : printSource(source)}`)
  }
  lines.push(
    '',
    `# workers: ${derived.workerCount}`,
    `# connections: at most ${derived.connectionsMax}`,
    `# resident memory: at most about ${Math.ceil(derived.residentBytesMax / 1024 / 1024)}mb`,
    ...derived.warnings.map((warning) => `# warning: ${warning}`),
  )
  return lines.join('\n')
}

/** Plain where YAML reads the same word back, else as a JSON string, which is YAML too. */
function scalar(text: string): string {
  return /^[a-z0-9][a-z0-9._/-]*$/i.test(text) ? text : JSON.stringify(text)
}
