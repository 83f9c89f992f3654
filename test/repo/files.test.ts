import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allFiles, read } from './repository.ts'

/** Assembled, so that this file does not hold what it looks for. */
const FOLDERS = ['home', 'root', 'Users', 'work', 'farm'].join('|')
const MACHINE_PATH = new RegExp(`(?<![\\w.*/)}\\]-])/(?:${FOLDERS})/[\\w.-]`)
const REGISTRY = new RegExp(
  `${'regis'}${'try'}\\.[a-z][\\w-]*\\.[a-z]|\\b(?:npm|artifactory|verdaccio)\\.[\\w-]+\\.`,
  'i',
)

const texts = allFiles()
  .map((path) => ({ path, text: read(path) }))
  .filter(({ text }) => !text.includes('\0'))
  .map(({ path, text }) => ({ path, lines: text.split('\n') }))

test('no file names a folder of somebody’s machine', () => {
  assert.deepEqual(linesWith(MACHINE_PATH), [])
})

test('no file names the host of a package registry', () => {
  assert.deepEqual(linesWith(REGISTRY), [])
})

test('every text file ends with one newline and has no blanks at the ends of lines', () => {
  const wrong = texts
    .filter(({ lines }) => lines.at(-1) !== '' || lines.at(-2) === '' || lines.some(endsInBlank))
    .map(({ path }) => path)
  assert.deepEqual(wrong, [])
})

function linesWith(pattern: RegExp): string[] {
  return texts.flatMap(({ path, lines }) =>
    lines
      .map((line, index) => ({ line, place: `${path}:${index + 1}` }))
      .filter(({ line }) => pattern.test(line))
      .map(({ line, place }) => `${place}: ${line.trim().slice(0, 120)}`),
  )
}

function endsInBlank(line: string): boolean {
  return /[ \t]$/.test(line)
}
