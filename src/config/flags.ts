import { ConfigError, suggestion } from './config-error.ts'
import { EXTENDED_OPTIONS } from './extended-options.ts'
import type { ExtendedOption, FlagAction, FlagRow, FlagSink } from './flag-row.ts'
import { FLAGS } from './flag-table.ts'

/** A flag's value on its way to a setting. */
export interface FlagValue {
  readonly key: string
  readonly raw: unknown
  /** What was written on the command line, for error lines. */
  readonly given: string
  /** As written: -m, --memory-limit, -o idle_timeout. */
  readonly flag: string
}

export interface ParsedFlags {
  readonly values: readonly FlagValue[]
  readonly notes: readonly string[]
  readonly action: FlagAction
  /** '' none. */
  readonly configFile: string
}

/**
 * Read a command line as getopt_long would: clusters (-vvM), attached arguments (-p11211,
 * --port=11211), unique beginnings of long names, and `--` as the end.
 */
export function parseFlags(argv: readonly string[]): ParsedFlags {
  const parser = new FlagParser(argv)
  return parser.parse()
}

class FlagParser implements FlagSink {
  readonly #argv: readonly string[]
  #position = 0
  #flag = ''
  #text = ''
  readonly #values: FlagValue[] = []
  readonly #notes: string[] = []
  readonly #listen: string[] = []
  #action: FlagAction = 'run'
  #configFile = ''
  #verbosity = 0

  constructor(argv: readonly string[]) {
    this.#argv = argv
  }

  parse(): ParsedFlags {
    while (this.#position < this.#argv.length && !this.#isAnswered()) {
      const word = this.#argv[this.#position++] ?? ''
      if (word === '--') {
        this.#rejectWord(this.#argv[this.#position])
      } else if (word.startsWith('--')) {
        this.#long(word.slice(2))
      } else if (word.startsWith('-') && word !== '-') {
        this.#cluster(word.slice(1))
      } else {
        this.#rejectWord(word)
      }
    }
    this.#udpPortAlone()
    this.#pidFileAlone()
    const { values, notes } = { values: this.#values, notes: this.#notes }
    return { values, notes, action: this.#action, configFile: this.#configFile }
  }

  set(key: string, raw: unknown): void {
    // -l may come several times, and each adds to the list.
    const isList = key === 'listen.addresses' && typeof raw === 'string'
    if (isList) this.#listen.push(raw)
    const value = isList ? this.#listen.join(',') : raw
    this.#values.push({ key, raw: value, given: this.#text, flag: this.#flag })
  }

  note(text: string): void {
    this.#notes.push(`${this.#flag}: ${text}`)
  }

  refuse(why: string): never {
    throw new ConfigError('usage', `flag ${this.#flag}: ${why}`)
  }

  action(action: FlagAction): void {
    this.#action = action
  }

  configFile(path: string): void {
    this.#configFile = path
  }

  moreVerbose(level: number): void {
    this.#verbosity = Math.min(3, this.#verbosity + level)
    this.set('log.verbosity', this.#verbosity)
  }

  extended(text: string): void {
    for (const part of text.split(',')) {
      if (part !== '') this.#extendedOption(part)
    }
  }

  /** -h, -V and -i answer at once, whatever follows them. */
  #isAnswered(): boolean {
    return this.#action !== 'run' && this.#action !== 'print-config'
  }

  #rejectWord(word: string | undefined): void {
    if (word === undefined) return
    throw new ConfigError('usage', `${JSON.stringify(word)} is not a flag; see memc-kv -h`)
  }

  #cluster(letters: string): void {
    for (let index = 0; index < letters.length; index++) {
      const letter = letters[index] ?? ''
      const row = flagByShort.get(letter)
      this.#flag = `-${letter}`
      if (row === undefined) throw unknownFlag(this.#flag, [])
      if (row.argument === '' || row.argumentOptional === true) {
        this.#run(row, '')
      } else {
        const attached = letters.slice(index + 1)
        this.#run(row, attached === '' ? this.#next(row) : attached)
        return
      }
    }
  }

  #long(word: string): void {
    const equals = word.indexOf('=')
    const name = equals < 0 ? word : word.slice(0, equals)
    const attached = equals < 0 ? undefined : word.slice(equals + 1)
    this.#flag = `--${name}`
    if (name.includes('.')) {
      this.#text = attached ?? this.#nextWord('a value')
      this.set(name, this.#text)
      return
    }
    const row = findLong(name)
    this.#flag = `--${row.long}`
    if (row.argument === '' && attached !== undefined) this.refuse('it takes no value')
    const needed = row.argument !== '' && row.argumentOptional !== true
    this.#run(row, attached ?? (needed ? this.#next(row) : ''))
  }

  #run(row: FlagRow, text: string): void {
    this.#text = text
    row.apply(this, text)
  }

  #next(row: FlagRow): string {
    return this.#nextWord(row.argument)
  }

  #nextWord(what: string): string {
    const word = this.#argv[this.#position++]
    if (word === undefined) this.refuse(`it needs ${what}`)
    return word
  }

  #extendedOption(part: string): void {
    const equals = part.indexOf('=')
    const name = equals < 0 ? part : part.slice(0, equals)
    const text = equals < 0 ? '' : part.slice(equals + 1)
    const option = optionByName.get(name)
    this.#flag = `-o ${name}`
    if (option === undefined) {
      const why = FOREIGN_OPTIONS.find(([prefix]) => name.startsWith(prefix))?.[1]
      if (why !== undefined) this.refuse(why)
      throw unknownFlag(this.#flag, optionByName.keys(), '-o ')
    }
    if (option.argument !== '' && option.argumentOptional !== true && text === '') {
      this.refuse(`it needs ${option.argument}`)
    }
    this.#text = text
    option.apply(this, text)
  }

  /** memcached: -P is for daemons only. */
  #pidFileAlone(): void {
    const given = (key: string): boolean => this.#values.some((entry) => entry.key === key)
    if (given('process.pidFile') && !given('process.daemon')) {
      this.#notes.push('-P: no pid file is written without -d')
    }
  }

  /** memcached: -U without -p also moves the TCP port. */
  #udpPortAlone(): void {
    const udp = this.#values.findLast((entry) => entry.key === 'compat.udpPort')
    if (udp === undefined || udp.raw === '0') return
    if (this.#values.some((entry) => entry.key === 'listen.port')) return
    this.#values.push({ ...udp, key: 'listen.port' })
  }
}

const flagByShort: ReadonlyMap<string, FlagRow> = new Map(
  FLAGS.filter((row) => row.short !== '').map((row) => [row.short, row]),
)
const flagByLong: ReadonlyMap<string, FlagRow> = new Map(
  FLAGS.filter((row) => row.long !== '').map((row) => [row.long, row]),
)
const optionByName: ReadonlyMap<string, ExtendedOption> = new Map(
  EXTENDED_OPTIONS.map((option) => [option.name, option]),
)

/** Parts of memcached that are not here; silence would promise what is not done. */
const FOREIGN_OPTIONS: readonly (readonly [prefix: string, why: string])[] = [
  ['ext_', 'external storage is not supported'],
  ['proxy_', 'the proxy is not supported'],
]

function findLong(name: string): FlagRow {
  const exact = flagByLong.get(name)
  if (exact !== undefined) return exact
  const rows = FLAGS.filter((row) => row.long !== '' && row.long.startsWith(name))
  const [only] = rows
  if (rows.length === 1 && only !== undefined && name !== '') return only
  if (rows.length > 1 && name !== '') {
    const names = rows.map((row) => `--${row.long}`).join(', ')
    throw new ConfigError('usage', `flag --${name} could be any of ${names}`)
  }
  throw unknownFlag(`--${name}`, flagByLong.keys(), '--')
}

function unknownFlag(flag: string, known: Iterable<string>, prefix = ''): ConfigError {
  const candidates = Array.from(known, (name) => `${prefix}${name}`)
  return new ConfigError(
    'usage',
    `unknown flag ${flag}${suggestion(flag, candidates) || '; see memc-kv -h'}`,
  )
}
