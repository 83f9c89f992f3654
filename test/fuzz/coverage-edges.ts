import { readFileSync } from 'node:fs'
import { registerHooks, stripTypeScriptTypes } from 'node:module'
import { fileURLToPath } from 'node:url'

/**
 * Counts which way the code went, per input and fast: sources are given counters as they are loaded, one for
 * each function and block, and one for each way out of a condition. V8 has precise coverage of its own,
 * but while it counts it compiles nothing with its good compiler, which makes everything
 * ten times slower.
 */
const ROOT = new URL('../../', import.meta.url)
const COUNTERS_MAX = 8192
const NAME = '__edgeCounts'

export interface FileReport {
  readonly name: string
  readonly ran: number
  readonly total: number
  /** Lines with a way that was never gone. */
  readonly missedLines: readonly number[]
}

interface Place {
  readonly name: string
  readonly line: number
}

export class Edges {
  /** One byte for each counter; it goes round, as a hint of how often is enough. */
  readonly #counts = new Uint8Array(COUNTERS_MAX)
  /** The powers of two that were seen of each, as bits. */
  readonly #seen = new Uint8Array(COUNTERS_MAX)
  readonly #places: Place[] = []

  /** Code in these folders of the repository is counted if it is loaded from now on, in this thread. */
  constructor(folders: readonly string[]) {
    Object.assign(globalThis, { [NAME]: this.#counts })
    registerHooks({
      load: (url, context, next) => {
        const name = url.startsWith(ROOT.href) ? url.slice(ROOT.href.length) : ''
        if (!folders.some((folder) => name.startsWith(folder))) return next(url, context)
        const source = stripTypeScriptTypes(readFileSync(fileURLToPath(url), 'utf8'))
        return { format: 'module', source: this.#instrument(name, source), shortCircuit: true }
      },
    })
  }

  /** Before an input. */
  clear(): void {
    this.#counts.fill(0, 0, this.#places.length)
  }

  /** After it: whether it went a way that none went before, or one much more often. */
  isNew(): boolean {
    let found = false
    for (let index = 0; index < this.#places.length; index++) {
      const count = this.#counts[index]!
      if (count === 0) continue
      const bit = 1 << (31 - Math.clz32(count))
      if ((this.#seen[index]! & bit) !== 0) continue
      this.#seen[index] = this.#seen[index]! | bit
      found = true
    }
    return found
  }

  report(): FileReport[] {
    const files = new Map<string, { ran: number; total: number; missed: Set<number> }>()
    for (const [index, { name, line }] of this.#places.entries()) {
      const file = files.get(name) ?? { ran: 0, total: 0, missed: new Set() }
      files.set(name, file)
      file.total++
      if (this.#seen[index] === 0) file.missed.add(line)
      else file.ran++
    }
    return [...files].map(([name, { ran, total, missed }]) => ({
      name,
      ran,
      total,
      missedLines: [...missed],
    }))
  }

  #instrument(name: string, source: string): string {
    const counter = (at: number): string => {
      const line = source.slice(0, at).split('\n').length
      this.#places.push({ name, line })
      if (this.#places.length > COUNTERS_MAX) throw new Error('too many counters')
      return `${NAME}[${this.#places.length - 1}]++`
    }
    return new Instrumenter(source, counter).run()
  }
}

/** Words before a `(` whose block is no function's. */
const CONDITION = /\b(?:if|while)$/

/**
 * Puts the counters in. It is no parser: it knows comments, strings and brackets, and how this
 * repository's formatter writes blocks, conditions and operators, which is enough for its own sources.
 */
class Instrumenter {
  readonly #source: string
  readonly #counter: (at: number) => string
  #out = ''
  #at = 0
  /** Of each open bracket, what to write behind the one that closes it. */
  readonly #open: string[] = []
  /** The code before this place, without comments and white space: enough to look back on. */
  #tail = ''

  constructor(source: string, counter: (at: number) => string) {
    this.#source = source
    this.#counter = counter
  }

  run(): string {
    while (this.#at < this.#source.length) {
      const length = this.#skipped()
      if (length > 0) this.#copy(length)
      else this.#code()
    }
    return this.#out
  }

  /** Length of a comment, string, template or regular expression that begins here. */
  #skipped(): number {
    const rest = this.#source.slice(this.#at, this.#at + 4000)
    const pattern = rest.startsWith('/') ? SLASH : /^(?:'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`)/
    const found = pattern.exec(rest)?.[0]
    if (found === undefined) return 0
    const isRegExp = found.startsWith('/') && !/^\/[/*]/.test(found)
    return isRegExp && !/[(,=:[!&|?{};]$/.test(this.#tail) ? 0 : found.length
  }

  #copy(length: number): void {
    const text = this.#source.slice(this.#at, this.#at + length)
    this.#out += text
    this.#at += length
    if (!/^\/[/*]/.test(text) && text.trim() !== '') this.#tail = `${this.#tail}${text}`.slice(-40)
  }

  #code(): void {
    const rest = this.#source.slice(this.#at, this.#at + 60)
    const operator = /^(?:(?:&&|\|\||\?|:)(?=\s))/.exec(rest)?.[0]
    const label = /^(?:case [\w.']+|default):(?=\s)/.exec(rest)?.[0]
    // `??` may not stand beside `||`.
    const word = /^(?:[\w$#.]+|\?\?|\?\.)/.exec(rest)?.[0]
    if (label !== undefined) this.#copyWith(label, `${this.#counter(this.#at)};`)
    else if (operator !== undefined) this.#operator(operator)
    else if (word !== undefined) this.#copy(word.length)
    else if (rest.startsWith('(')) this.#openRound()
    else if (rest.startsWith('{')) this.#openBlock()
    else if (/^[)}]/.test(rest)) this.#close()
    else this.#copy(1)
  }

  #copyWith(text: string, addition: string): void {
    this.#copy(text.length)
    this.#out += addition
  }

  #operator(operator: string): void {
    const before = this.#source[this.#at - 1] ?? ''
    const counter = (): string => this.#counter(this.#at)
    // A colon with nothing before it is that of `a ? b : c`; elsewhere it stands behind a name.
    if (operator === ':' && !/\s/.test(before)) this.#copy(1)
    else if (operator === '&&') this.#copyWith(operator, ` ${counter()} >= 0 &&`)
    else this.#copyWith(operator, ` ${counter()} < 0 ||`)
  }

  #openRound(): void {
    if (!CONDITION.test(this.#tail)) {
      this.#open.push('')
      this.#copy(1)
      return
    }
    const yes = this.#counter(this.#at)
    const no = this.#counter(this.#at)
    this.#open.push(` ? ${yes} >= 0 : ${no} < 0)`)
    this.#out += '('
    this.#copy(1)
  }

  #openBlock(): void {
    const isBlock = /(?:\)|=>|\belse|\btry|\bfinally|\bdo)$/.test(this.#tail) && !this.#isSwitch
    this.#open.push('')
    if (isBlock) this.#copyWith('{', `${this.#counter(this.#at)};`)
    else this.#copy(1)
  }

  get #isSwitch(): boolean {
    const before = this.#source.slice(Math.max(0, this.#at - 100), this.#at)
    return /\bswitch \([^\n]*\) $/.test(before)
  }

  #close(): void {
    const addition = this.#open.pop() ?? ''
    this.#copyWith(this.#source[this.#at]!, addition)
  }
}

const SLASH =
  /^(?:\/\/[^\n]*|\/\*(?:[^*]|\*(?!\/))*\*\/|\/(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\\n])+\/[a-z]*)/
