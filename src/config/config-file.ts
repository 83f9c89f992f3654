import { readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { ConfigError, suggestion } from './config-error.ts'
import { settingByKey, settings } from './schema.ts'

/** One value of the file, on its way to a setting. */
export interface FileValue {
  readonly key: string
  readonly raw: unknown
}

/**
 * Read --config: JSON or YAML by the name's ending, sections at the top, keys below them. A key
 * that no setting has is refused, since it is a slip that would otherwise go unnoticed. A key
 * without value counts as not given.
 */
export async function readConfigFile(path: string): Promise<FileValue[]> {
  const parse = await parserFor(path)
  const document = parse(readFile(path))
  if (document === null || document === undefined) return []
  if (!isRecord(document)) throw invalid(path, 'it must hold sections with keys')
  const values: FileValue[] = []
  for (const [section, content] of Object.entries(document)) {
    const names = new Set(settings.map((entry) => entry.section))
    if (!names.has(section)) {
      throw invalid(path, `unknown section ${JSON.stringify(section)}${suggestion(section, names)}`)
    }
    if (content === null || content === undefined) continue
    if (!isRecord(content)) throw invalid(path, `section ${section} must hold keys`)
    values.push(...readSection(path, section, content))
  }
  return values
}

function readSection(path: string, section: string, content: Record<string, unknown>): FileValue[] {
  const values: FileValue[] = []
  for (const [name, raw] of Object.entries(content)) {
    const key = `${section}.${name}`
    if (!settingByKey.has(key)) {
      throw invalid(
        path,
        `unknown key ${JSON.stringify(key)}${suggestion(key, settingByKey.keys())}`,
      )
    }
    if (raw !== null && raw !== undefined) values.push({ key, raw })
  }
  return values
}

type Parse = (text: string) => unknown

/** YAML is loaded only when asked for: it would be a tenth of the time to start. */
async function parserFor(path: string): Promise<Parse> {
  const extension = extname(path).toLowerCase()
  if (extension === '.json') return guarded(path, JSON.parse)
  if (extension === '.yaml' || extension === '.yml') {
    const yaml = await import('yaml')
    return guarded(path, (text) => yaml.parse(text, { prettyErrors: true, maxAliasCount: 100 }))
  }
  throw invalid(path, 'the name must end in .json, .yaml or .yml')
}

function guarded(path: string, parse: Parse): Parse {
  return (text) => {
    try {
      return parse(text)
    } catch (error) {
      const [line = ''] = String(error instanceof Error ? error.message : error).split('\n')
      throw invalid(path, line.replace(/:$/, ''))
    }
  }
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw invalid(path, `it cannot be read (${code})`)
  }
}

function invalid(path: string, why: string): ConfigError {
  return new ConfigError('config', `file ${path}: ${why}`)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
