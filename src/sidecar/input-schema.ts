/**
 * What a request may say: one flat object, of a query or a body, in the few words of JSON schema
 * that flat objects need. Fastify's own checker compiles code for every schema at start, which costs
 * 5 MiB and 80 ms for the three requests that have any input at all; this looks the rules up when such a
 * request comes.
 */
export interface InputSchema {
  readonly type: 'object'
  readonly properties: Readonly<Record<string, FieldSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties: false
}

export type FieldSchema = IntegerField | TextField

interface IntegerField {
  readonly type: 'integer'
  readonly minimum: number
  readonly maximum: number
  readonly default?: number
  readonly description: string
}

interface TextField {
  readonly type: 'string'
  readonly enum?: readonly string[]
  readonly pattern?: string
  readonly default?: string
  readonly description: string
}

export type Checked =
  | { readonly value: Readonly<Record<string, number | string>> }
  | { readonly problem: string }

/**
 * Checks what came in and fills in the defaults.
 *
 * @param fromText the values come from a query, where numbers are digits too
 */
export function checkInput(schema: InputSchema, input: unknown, fromText: boolean): Checked {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    return { problem: 'it must be an object' }
  }
  const given = input as Record<string, unknown>
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(schema.properties, name)) continue
    const known = Object.keys(schema.properties).join(', ')
    return { problem: `${JSON.stringify(name)} is not known here; known are ${known}` }
  }
  const value: Record<string, number | string> = {}
  for (const [name, field] of Object.entries(schema.properties)) {
    const raw = Object.hasOwn(given, name) ? given[name] : field.default
    if (raw === undefined) {
      if (schema.required?.includes(name)) return { problem: `${name} is missing` }
      continue
    }
    const read = field.type === 'integer' ? readInteger(field, raw, fromText) : readText(field, raw)
    if (read === undefined) return { problem: `${name} must be ${allowed(field)}` }
    value[name] = read
  }
  return { value }
}

function readInteger(field: IntegerField, raw: unknown, fromText: boolean): number | undefined {
  const value = fromText && typeof raw === 'string' && /^\d{1,15}$/.test(raw) ? Number(raw) : raw
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) return undefined
  return value >= field.minimum && value <= field.maximum ? value : undefined
}

function readText(field: TextField, raw: unknown): string | undefined {
  if (typeof raw !== 'string') return undefined
  if (field.enum !== undefined && !field.enum.includes(raw)) return undefined
  if (field.pattern !== undefined && !new RegExp(field.pattern, 'u').test(raw)) return undefined
  return raw
}

function allowed(field: FieldSchema): string {
  if (field.type === 'integer') {
    return `a whole number from ${field.minimum} to ${field.maximum}`
  }
  return field.enum === undefined ? field.description : `one of ${field.enum.join(', ')}`
}
