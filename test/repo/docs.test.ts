import assert from 'node:assert/strict'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { LAUNCH_FLAGS, LAUNCH_TUNABLES } from '../../src/launch.ts'
import { DOORS, MAY_IMPORT } from './house.ts'
import { allFiles, exists, packageFile, read } from './repository.ts'

/** The tables of settings, flags, exit statuses and limits are checked by test/config. */
const documents = allFiles().filter((path) => path.endsWith('.md'))

test('README has the two commands', () => {
  const readme = read('README.md')
  for (const command of ['npm ci && npm start', 'npm ci && npm test']) {
    assert.ok(readme.includes(`$ ${command}\n`), command)
  }
})

test('every npm script that a document or CI names exists', () => {
  const wrong = [...documents, '.ci/run'].flatMap((path) =>
    [...read(path).matchAll(/npm(?: -s)? (?:run (?:-s )?)?([a-z][a-z:]*)/g)]
      .filter(([call, name = '']) => call.includes(' run ') || ['start', 'test'].includes(name))
      .filter(([, name = '']) => packageFile.scripts[name] === undefined)
      .map(([call]) => `${path}: ${call}`),
  )
  assert.deepEqual(wrong, [])
})

test('every file that an npm script runs exists', () => {
  const files = Object.values(packageFile.scripts).flatMap(
    (script) => script.match(/(?<![\w*/.])\w[\w/.-]*\.ts/g) ?? [],
  )
  assert.deepEqual(
    files.filter((file) => !exists(file)),
    [],
  )
})

test('every link between documents leads somewhere', () => {
  const wrong = documents.flatMap((path) =>
    [...read(path).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !/^[a-z]+:/.test(target) && !leadsSomewhere(path, target))
      .map((target) => `${path}: ${target}`),
  )
  assert.deepEqual(wrong, [])
})

test('every file that a document names exists', () => {
  const wrong = documents.flatMap((path) =>
    [...read(path).matchAll(/`([\w-]+(?:\/[\w.-]+)*\.(?:ts|md))`/g)]
      .map(([, name = '']) => name)
      .filter((name) => !['', 'src', 'test', dirname(path)].some((at) => exists(join(at, name))))
      // A file of a folder of src/ that is spoken of by its own name.
      .filter((name) => name.includes('/') || !allFiles('src').some((file) => file.endsWith(name)))
      .map((name) => `${path}: ${name}`),
  )
  assert.deepEqual(wrong, [])
})

test('README gives a reason for every dependency', () => {
  const reasons = /^## Dependencies$(.*?)^## /ms.exec(read('README.md'))?.[1] ?? ''
  const { dependencies, devDependencies, optionalDependencies } = packageFile
  const names = Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies })
  const named = new Set(
    reasons
      .split('\n')
      .filter((line) => line.startsWith('| '))
      .flatMap((line) => line.split('|')[1]?.match(/[@\w][\w/-]+/g) ?? []),
  )
  assert.deepEqual(
    names.filter((name) => !named.has(name)),
    [],
  )
})

test('src/README.md shows who may import whom, and by which door', () => {
  const rows = [
    ...read('src/README.md').matchAll(/^\| `([\w.]+)\/?` \| (.*?) \| (.*?) ?\| /gm),
  ].map(([, name = '', targets = '', doors = '']) => ({
    folder: name === 'main.ts' ? '.' : name,
    targets: codeSpans(targets).map((target) => target.replace('/', '')),
    doors: codeSpans(doors),
  }))
  const expected = Object.entries(MAY_IMPORT).map(([folder, targets]) => ({
    folder,
    targets: [...targets],
    doors: [...(DOORS[folder] ?? [])],
  }))
  const byFolder = (a: { folder: string }, b: { folder: string }): number =>
    a.folder.localeCompare(b.folder)
  assert.deepEqual(rows.sort(byFolder), expected.sort(byFolder))
})

function leadsSomewhere(from: string, target: string): boolean {
  const [path = '', anchor] = target.split('#')
  const file = path === '' ? from : join(dirname(from), path)
  if (!exists(file)) return false
  return anchor === undefined || anchorsOf(read(file)).includes(anchor)
}

/** As GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  )
}

function codeSpans(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, span = '']) => span)
}

test('the image starts the server as the server would start itself anew', () => {
  const dockerfile = read('Dockerfile')
  assert.ok(dockerfile.includes(`\nENV GLIBC_TUNABLES=${LAUNCH_TUNABLES}\n`))
  // The heap in a share of the container's memory, which only a container can be asked for.
  assert.ok(dockerfile.includes('\nENV NODE_OPTIONS=--max-old-space-size-percentage=25\n'))
  const words = ['node', ...LAUNCH_FLAGS, 'dist/main.js']
  const quoted = words.map((word) => JSON.stringify(word))
  assert.ok(dockerfile.includes(`\nENTRYPOINT [${quoted.join(', ')}]`))
})
