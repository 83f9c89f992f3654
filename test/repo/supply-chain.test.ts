import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { LICENCES_FILE, licencesDocument, productionPackages } from './licences.ts'
import { lockFile, packageFile, read } from './repository.ts'

const locked = Object.entries(lockFile.packages).filter(([path]) => path !== '')

/** That package-lock.json names no registry and package.json exact versions, versions.test.ts holds. */

test('every locked package is one of the registry, and has a digest to check it by', () => {
  assert.ok(locked.length > 100)
  const wrong = locked.filter(
    ([, { version = '', integrity = '', resolved, link, inBundle }]) =>
      !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version) ||
      !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity) ||
      resolved !== undefined ||
      link === true ||
      inBundle === true,
  )
  assert.deepEqual(
    wrong.map(([path]) => path),
    [],
  )
})

test('no package may depend on a repository, a file or an address', () => {
  const wrong = locked.flatMap(([path, { dependencies, optionalDependencies }]) =>
    Object.entries({ ...dependencies, ...optionalDependencies })
      .filter(([, range]) => /^(git|github|file|https?|link|workspace)|[/]|^npm:/.test(range))
      .map(([name, range]) => `${path} wants ${name} ${range}`),
  )
  assert.deepEqual(wrong, [])
})

test('npm runs no scripts of packages, and writes no registry into the lock file', () => {
  const lines = read('.npmrc').split('\n')
  for (const line of ['ignore-scripts=true', 'omit-lockfile-registry-resolved=true']) {
    assert.ok(lines.includes(line), line)
  }
  const own = Object.keys(packageFile.scripts).filter((name) =>
    /^(pre|post)|^(install|prepare|publish|version)$/.test(name),
  )
  assert.deepEqual(own, [], 'scripts that npm runs by itself, and here would not')
})

/** Its script looks at the version range of whoever asked for it, prints a warning, and does nothing else. */
const WITH_SCRIPTS = ['node_modules/protobufjs']

/** Its script replaces a starter in JavaScript by the program it starts, which is there without it too. */
const DEVELOPMENT_WITH_SCRIPTS = ['node_modules/esbuild']

test('the packages that bring an install script are known, and none of production is compiled', () => {
  const marked = locked.filter(([, { hasInstallScript }]) => hasInstallScript === true)
  assert.deepEqual(marked.map(([path]) => path).toSorted(), [
    ...DEVELOPMENT_WITH_SCRIPTS,
    ...WITH_SCRIPTS,
  ])
  const scripts = Object.keys(productionPackages()).filter((path) => {
    const { scripts = {} } = JSON.parse(read(join(path, 'package.json')))
    return ['preinstall', 'install', 'postinstall'].some((name) => scripts[name] !== undefined)
  })
  assert.deepEqual(scripts, WITH_SCRIPTS)
})

test('what runs has licences that oblige to nothing but naming them', () => {
  const allowed = ['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause']
  const others = Object.entries(productionPackages()).filter(
    ([, { license = '' }]) => !allowed.includes(license),
  )
  assert.deepEqual(others, [])
})

test('docs/licences.md is what test/repo/licences.ts makes of the packages', () => {
  assert.equal(readFileSync(LICENCES_FILE, 'utf8'), licencesDocument())
})

test('the image carries that list, and with each package its text', () => {
  const dockerfile = read('Dockerfile')
  assert.match(dockerfile, /^COPY --chmod=644 LICENSE docs\/licences\.md \.\/$/m)
  const deleted = [...dockerfile.matchAll(/-name '([^']+)'/g)].map(([, glob]) => glob)
  assert.deepEqual(deleted, ['*.map', '*.ts', '*.cts', '*.mts'])
})

test('updates are proposed for every place that pins something', () => {
  const { updates } = parse(read('.github/dependabot.yml')) as {
    updates: { 'package-ecosystem': string; directory: string; cooldown?: unknown }[]
  }
  assert.deepEqual(
    updates.map((update) => [update['package-ecosystem'], update.directory]),
    [
      ['npm', '/'],
      ['github-actions', '/'],
      ['docker', '/'],
    ],
  )
})

test('the audit runs by the clock, and asks about what runs and about what builds', () => {
  const { on, jobs } = parse(read('.github/workflows/audit.yml'))
  assert.ok(on.schedule.length === 1)
  const scripts = Object.values<{ steps: { run?: string }[] }>(jobs).flatMap(({ steps }) =>
    steps.map(({ run = '' }) => run),
  )
  for (const command of [
    'npm audit --omit=dev',
    'npm audit --audit-level=high',
    'npm audit signatures',
  ]) {
    assert.ok(
      scripts.some((script) => script.includes(command)),
      command,
    )
  }
})

test('README leads to the security policy, which says where to report', () => {
  assert.ok(read('README.md').includes('](.github/SECURITY.md)'))
  assert.match(read('.github/SECURITY.md'), /Report a vulnerability/)
})
