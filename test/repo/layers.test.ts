import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'

const ROOT = resolve(import.meta.dirname, '../..')
const SOURCE = join(ROOT, 'src')

/** Which folder may import which, besides itself and base/. Arrows go one way. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  '.': ['control', 'worker'],
  base: [],
  config: ['.'],
  control: ['config', 'telemetry', 'store', '.'],
  worker: ['protocol', 'commands', 'telemetry', 'store', '.'],
  commands: ['protocol', 'store', 'telemetry'],
  telemetry: [],
  protocol: [],
  store: [],
}

/** Longest file we accept; past it there is a seam to be found. */
const LINES_MAX = 400

interface SourceFile {
  readonly path: string
  readonly folder: string
  readonly lines: number
  readonly imports: readonly string[]
}

const files = readSources()

test('imports go only where the house allows', () => {
  const wrong: string[] = []
  for (const file of files) {
    for (const target of file.imports) {
      const folder = folderOf(target)
      if (folder === file.folder || folder === 'base') continue
      if (folder === '.' && target === 'version.ts') continue
      if (!MAY_IMPORT[file.folder]?.includes(folder)) wrong.push(`${file.path} imports ${target}`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('the store is entered by its front door only', () => {
  const wrong = files
    .filter((file) => file.folder !== 'store')
    .flatMap((file) => file.imports.map((target) => ({ from: file.path, target })))
    .filter(({ target }) => folderOf(target) === 'store' && target !== 'store/store.ts')
    .map(({ from, target }) => `${from} imports ${target}`)
  assert.deepEqual(wrong, [])
})

test('every source file is reached from main.ts', () => {
  const imported = new Set(files.flatMap((file) => file.imports))
  const orphans = files.map((file) => file.path).filter((path) => !imported.has(path))
  assert.deepEqual(orphans, ['main.ts'])
})

test(`no source file is longer than ${LINES_MAX} lines`, () => {
  const long = files.filter((file) => file.lines > LINES_MAX)
  assert.deepEqual(
    long.map((file) => `${file.path}: ${file.lines}`),
    [],
  )
})

test('only config/load.ts reads the environment', () => {
  const readers = files.filter((file) =>
    readFileSync(join(SOURCE, file.path), 'utf8').includes('process.env'),
  )
  assert.deepEqual(
    readers.map((file) => file.path),
    ['config/load.ts'],
  )
})

function readSources(): SourceFile[] {
  return readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => {
      const text = readFileSync(join(SOURCE, path), 'utf8')
      const imports = [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map((match) =>
        relative(SOURCE, resolve(SOURCE, dirname(path), match[1] ?? '')),
      )
      return { path, folder: folderOf(path), lines: text.split('\n').length - 1, imports }
    })
}

/** The first folder below src/; '.' for files that lie in src/ itself. */
function folderOf(path: string): string {
  return path.includes('/') ? (path.split('/')[0] ?? '.') : '.'
}
