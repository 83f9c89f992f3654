import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'
import { DOORS, MAY_IMPORT } from './house.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const SOURCE = join(ROOT, 'src')

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

test('a folder with front doors is entered by them only', () => {
  const wrong: string[] = []
  for (const file of files) {
    for (const target of file.imports) {
      const folder = folderOf(target)
      if (folder === file.folder || DOORS[folder] === undefined) continue
      const name = target.slice(folder.length + 1)
      if (!DOORS[folder].includes(name)) wrong.push(`${file.path} imports ${target}`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('every source file is reached from main.ts, or is another program', () => {
  const imported = new Set(files.flatMap((file) => file.imports))
  const orphans = files.map((file) => file.path).filter((path) => !imported.has(path))
  assert.deepEqual(orphans.sort(), ['hash-password.ts', 'healthcheck.ts', 'main.ts'])
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
      const imports = [...text.matchAll(/(?:from|import\(|import)\s*'(\.[^']+)'/g)].map((match) =>
        relative(SOURCE, resolve(SOURCE, dirname(path), match[1] ?? '')),
      )
      return { path, folder: folderOf(path), lines: text.split('\n').length - 1, imports }
    })
}

/** The first folder below src/; '.' for files that lie in src/ itself. */
function folderOf(path: string): string {
  return path.includes('/') ? (path.split('/')[0] ?? '.') : '.'
}
