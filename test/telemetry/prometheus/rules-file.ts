import { join } from 'node:path'
import { parse } from 'yaml'
import { ROOT, read } from '../../repo/repository.ts'

export interface Rule {
  readonly record?: string
  readonly alert?: string
  readonly expr: string
  readonly labels?: { readonly severity: string }
  readonly annotations?: Annotations
}

interface Annotations {
  readonly summary?: string
  readonly description?: string
  readonly runbook_url?: string
}

interface RuleFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[]
}

export const RULES_PATH = join(ROOT, 'helm/memc-kv/files/rules.yaml')
const file = parse(read('helm/memc-kv/files/rules.yaml')) as RuleFile
export const rules: readonly Rule[] = file.groups.flatMap((group) => group.rules)
export const alerts = rules.filter(({ alert }) => alert !== undefined)
export const recorded = rules.flatMap(({ record }) => record ?? [])
