/**
 * Holds a value against a JSON schema, in the words that the sidecar's document uses, and lists
 * what is wrong. A word it does not know is wrong too, so that a new one is not taken for checked.
 */
export interface Schema {
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly minimum?: number
  readonly maximum?: number
  readonly format?: string
}

const KNOWN: readonly string[] = [
  'type',
  'enum',
  'properties',
  'required',
  'additionalProperties',
  'items',
  'minimum',
  'maximum',
  'format',
  'description',
  'pattern',
]

export function schemaFaults(schema: Schema, value: unknown, at = '$'): string[] {
  const faults = Object.keys(schema)
    .filter((word) => !KNOWN.includes(word))
    .map((word) => `${at}: the schema says ${word}, which nobody checks`)
  const types = schema.type === undefined ? [] : [schema.type].flat()
  if (types.length > 0 && !types.some((type) => isOfType(value, type))) {
    return [...faults, `${at}: ${JSON.stringify(value)} is not ${types.join(' or ')}`]
  }
  const allowed = schema.enum
  if (allowed !== undefined && !allowed.includes(value)) {
    faults.push(`${at}: ${JSON.stringify(value)} is not one of ${allowed.join(', ')}`)
  }
  if (typeof value === 'number') faults.push(...rangeFaults(schema, value, at))
  if (schema.format === 'date-time' && typeof value === 'string' && !isTime(value)) {
    faults.push(`${at}: ${value} is no time`)
  }
  if (Array.isArray(value)) {
    const items = schema.items ?? {}
    for (const [index, item] of value.entries()) {
      faults.push(...schemaFaults(items, item, `${at}[${index}]`))
    }
  } else if (typeof value === 'object' && value !== null) {
    faults.push(...objectFaults(schema, value as Record<string, unknown>, at))
  }
  return faults
}

function objectFaults(schema: Schema, value: Record<string, unknown>, at: string): string[] {
  const properties = schema.properties ?? {}
  const required = schema.required ?? []
  const faults = required
    .filter((name) => value[name] === undefined)
    .map((name) => `${at}.${name} is missing`)
  for (const [name, field] of Object.entries(value)) {
    const own = properties[name] ?? schema.additionalProperties
    if (own === false) faults.push(`${at}.${name} is not in the schema`)
    else if (typeof own === 'object') {
      faults.push(...schemaFaults(own, field, `${at}.${name}`))
    }
  }
  return faults
}

function rangeFaults(schema: Schema, value: number, at: string): string[] {
  const min = schema.minimum ?? Number.NEGATIVE_INFINITY
  const max = schema.maximum ?? Number.POSITIVE_INFINITY
  return value >= min && value <= max ? [] : [`${at}: ${value} is not from ${min} to ${max}`]
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case 'null':
      return value === null
    case 'integer':
      return Number.isInteger(value)
    case 'array':
      return Array.isArray(value)
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
    default:
      return typeof value === type
  }
}

function isTime(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(text) && !Number.isNaN(Date.parse(text))
}
