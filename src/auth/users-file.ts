import { readFileSync } from 'node:fs'
import type { Node, YAMLMap } from 'yaml'
import type { AccessEntry, AccessTable } from '../base/messages.ts'
import type { PasswordHash } from './password-hash.ts'
import { readPasswordHash } from './password-hash.ts'
import type { PermissionName } from './permissions.ts'
import { NEEDS_ALL_KEYS, PERMISSION, PERMISSION_GROUPS, PERMISSION_NAMES } from './permissions.ts'

const FILE_BYTES_MAX = 1024 * 1024
export const USERS_MAX = 1000
export const PREFIXES_MAX = 16
export const HASHES_MAX = 4
export const CERTIFICATES_MAX = 16

/** A key's own limit. */
const PREFIX_BYTES_MAX = 250

/** The name ends at the first space of what a client sends; a log line shows it as it is. */
const NAME = /^[\x21-\x7e]{1,64}$/
/** Visible characters: no key has a space or a control character in it. */
const PREFIX = /^[^\p{Cc} ]+$/u
/** CN:, or a subject alternative name as Node prints it. */
const CERTIFICATE = /^(?:CN|DNS|URI|email|IP Address):[^\p{Cc}]{1,255}$/u

const USER_FIELDS = ['name', 'passwordHash', 'commands', 'prefixes', 'certificates'] as const
const ANONYMOUS_FIELDS = ['commands', 'prefixes'] as const
const FILE_FIELDS = ['users', 'anonymous'] as const

const WORDS: ReadonlyMap<string, number> = new Map<string, number>([
  ...Object.entries(PERMISSION),
  ...Object.entries(PERMISSION_GROUPS),
])

/** The file cannot be used. The message names file, line and field, and holds nothing of its content. */
export class UsersFileError extends Error {
  override readonly name = 'UsersFileError'
}

/** The file as it was read: what workers get, and what only the control thread has. */
export interface Users {
  readonly table: AccessTable
  /** By user; none for who logs in by certificate only. */
  readonly hashes: ReadonlyMap<string, readonly PasswordHash[]>
}

/** Reads auth.usersFile; docs/users.md describes it. */
export async function readUsersFile(path: string): Promise<Users> {
  const text = readText(path)
  const yaml = await import('yaml')
  return new UsersReader(path, text, yaml).read()
}

class UsersReader {
  readonly #path: string
  readonly #text: string
  readonly #yaml: typeof import('yaml')
  readonly #lines: import('yaml').LineCounter
  readonly #hashes = new Map<string, readonly PasswordHash[]>()
  readonly #certificates = new Set<string>()

  constructor(path: string, text: string, yaml: typeof import('yaml')) {
    this.#path = path
    this.#text = text
    this.#yaml = yaml
    this.#lines = new yaml.LineCounter()
  }

  read(): Users {
    const { parseDocument } = this.#yaml
    const options = { lineCounter: this.#lines, prettyErrors: false, keepSourceTokens: false }
    const document = parseDocument(this.#text, options)
    const [problem] = document.errors
    // Its message may quote the line.
    if (problem !== undefined) {
      throw this.#failAt(problem.pos[0], `it is no YAML (${problem.code.toLowerCase()})`)
    }
    const root = document.contents
    if (root === null) throw this.#failAt(0, 'it is empty')
    const top = this.#fields(root, '', FILE_FIELDS)
    const users = this.#list(top.get('users'), root, 'users', 1, USERS_MAX).map((node, index) =>
      this.#user(node, `users[${index}]`),
    )
    const anonymous = top.get('anonymous')
    const table = {
      users,
      anonymous: anonymous === undefined ? null : this.#anonymous(anonymous),
    }
    return { table, hashes: this.#hashes }
  }

  #user(node: Node, place: string): AccessEntry {
    const fields = this.#fields(node, place, USER_FIELDS)
    const name = this.#text1(fields.get('name'), node, `${place}.name`)
    if (!NAME.test(name)) {
      throw this.#fail(
        fields.get('name') ?? node,
        `${place}.name`,
        'it must be 1 to 64 visible ASCII characters without spaces',
      )
    }
    if (this.#hashes.has(name)) throw this.#fail(node, `${place}.name`, 'the name is taken already')
    const hashes = this.#passwordHashes(fields.get('passwordHash'), `${place}.passwordHash`)
    this.#hashes.set(name, hashes)
    const certificates = this.#certificateNames(fields.get('certificates'), node, place)
    if (hashes.length === 0 && certificates.length === 0) {
      throw this.#fail(node, place, 'it needs passwordHash or certificates')
    }
    return { name, certificates, ...this.#rights(fields, node, place) }
  }

  #anonymous(node: Node): AccessEntry {
    const fields = this.#fields(node, 'anonymous', ANONYMOUS_FIELDS)
    return { name: '', certificates: [], ...this.#rights(fields, node, 'anonymous') }
  }

  #rights(
    fields: ReadonlyMap<string, Node>,
    node: Node,
    place: string,
  ): Pick<AccessEntry, 'permissions' | 'prefixes'> {
    let permissions = 0
    const commands = fields.get('commands')
    for (const word of this.#texts(commands, node, `${place}.commands`, 1, WORDS.size)) {
      const bits = WORDS.get(word.text)
      if (bits === undefined) {
        const allowed = [...WORDS.keys()].join(', ')
        throw this.#fail(word.node, `${place}.commands`, `each must be one of ${allowed}`)
      }
      permissions |= bits
    }
    const given = fields.get('prefixes')
    if (given === undefined) return { permissions, prefixes: [] }
    const prefixes = this.#texts(given, node, `${place}.prefixes`, 1, PREFIXES_MAX).map(
      (prefix) => {
        if (!PREFIX.test(prefix.text) || Buffer.byteLength(prefix.text) > PREFIX_BYTES_MAX) {
          throw this.#fail(
            prefix.node,
            `${place}.prefixes`,
            `each must be 1 to ${PREFIX_BYTES_MAX} bytes without spaces and control characters`,
          )
        }
        return prefix.text
      },
    )
    if ((permissions & NEEDS_ALL_KEYS) !== 0) {
      const names = namesOf(permissions & NEEDS_ALL_KEYS).join(', ')
      throw this.#fail(
        given,
        `${place}.prefixes`,
        `with prefixes nobody may have ${names}, which concern all keys`,
      )
    }
    return { permissions, prefixes }
  }

  #passwordHashes(node: Node | undefined, place: string): readonly PasswordHash[] {
    if (node === undefined) return []
    const { isSeq } = this.#yaml
    const texts = isSeq(node)
      ? this.#texts(node, node, place, 1, HASHES_MAX)
      : [{ text: this.#text1(node, node, place), node }]
    return texts.map((each) => {
      const hash = readPasswordHash(each.text)
      if (typeof hash === 'string') throw this.#fail(each.node, place, hash)
      return hash
    })
  }

  #certificateNames(node: Node | undefined, user: Node, place: string): readonly string[] {
    if (node === undefined) return []
    const field = `${place}.certificates`
    return this.#texts(node, user, field, 1, CERTIFICATES_MAX).map((name) => {
      if (!CERTIFICATE.test(name.text)) {
        const forms = 'CN:NAME, DNS:NAME, URI:NAME, email:NAME or IP Address:NAME'
        throw this.#fail(name.node, field, `each must be ${forms}`)
      }
      if (this.#certificates.has(name.text)) {
        throw this.#fail(name.node, field, 'the certificate belongs to another user already')
      }
      this.#certificates.add(name.text)
      return name.text
    })
  }

  // ---------------------------------------------------------------- YAML

  #fields(node: Node, place: string, allowed: readonly string[]): ReadonlyMap<string, Node> {
    const { isMap, isScalar, isNode } = this.#yaml
    if (!isMap(node)) throw this.#fail(node, place, `it must hold ${allowed.join(', ')}`)
    const fields = new Map<string, Node>()
    for (const { key, value } of (node as YAMLMap<unknown, unknown>).items) {
      const at = isNode(key) ? key : node
      if (!isScalar(key) || typeof key.value !== 'string' || !allowed.includes(key.value)) {
        throw this.#fail(at, place, `unknown field; allowed are ${allowed.join(', ')}`)
      }
      const given = isNode(value) && !(isScalar(value) && value.value === null)
      if (!given) throw this.#fail(at, placeOf(place, key.value), 'it has no value')
      fields.set(key.value, value)
    }
    return fields
  }

  #list(node: Node | undefined, parent: Node, place: string, min: number, max: number): Node[] {
    const { isSeq, isNode } = this.#yaml
    if (node === undefined) throw this.#fail(parent, place, 'it is missing')
    if (!isSeq(node) || node.items.length < min || node.items.length > max) {
      throw this.#fail(node, place, `it must be a list of ${min} to ${max}`)
    }
    return node.items.map((item) => (isNode(item) ? item : node))
  }

  #texts(
    node: Node | undefined,
    parent: Node,
    place: string,
    min: number,
    max: number,
  ): { text: string; node: Node }[] {
    return this.#list(node, parent, place, min, max).map((item) => ({
      text: this.#text1(item, parent, place),
      node: item,
    }))
  }

  #text1(node: Node | undefined, parent: Node, place: string): string {
    if (node === undefined) throw this.#fail(parent, place, 'it is missing')
    const { isScalar } = this.#yaml
    if (isScalar(node) && typeof node.value === 'string') return node.value
    throw this.#fail(node, place, 'it must be text (put it in quotes)')
  }

  #fail(node: Node, place: string, why: string): UsersFileError {
    return this.#failAt(node.range?.[0] ?? 0, place === '' ? why : `${place}: ${why}`)
  }

  #failAt(offset: number, why: string): UsersFileError {
    const { line } = this.#lines.linePos(offset)
    return new UsersFileError(`users file ${this.#path}, line ${Math.max(1, line)}: ${why}`)
  }
}

function namesOf(permissions: number): PermissionName[] {
  return PERMISSION_NAMES.filter((name) => (permissions & PERMISSION[name]) !== 0)
}

function placeOf(place: string, field: string): string {
  return place === '' ? field : `${place}.${field}`
}

function readText(path: string): string {
  try {
    const bytes = readFileSync(path)
    if (bytes.length > FILE_BYTES_MAX) {
      throw new UsersFileError(
        `users file ${path}: it has ${bytes.length} bytes, at most ${FILE_BYTES_MAX} are allowed`,
      )
    }
    return bytes.toString('utf8')
  } catch (error) {
    if (error instanceof UsersFileError) throw error
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new UsersFileError(`users file ${path}: it cannot be read (${code})`)
  }
}
