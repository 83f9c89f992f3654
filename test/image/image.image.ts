import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { constants, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { settingByKey } from '../../src/config/schema.ts'
import { lockFile, packageFile } from '../repo/repository.ts'
import { OTHER_ARCHITECTURE } from './bases.ts'
import { buildImage } from './build.ts'
import { engine, IMAGE, REVISION } from './prepared.ts'

/** What the image is: its parts, its labels, and that the same sources make the same image. */

const MIB = 1024 * 1024
const OTHER = 'localhost/memc-kv:other'
const AGAIN = 'localhost/memc-kv:again'

/** Node is 121 MiB of it, Debian's libraries 24. */
const SIZE_MIB_MAX = 190

const USER = 10001
const NODE = 'usr/local/bin/node'

/** Of the format of programs on Linux. */
const ELF_MACHINE_OFFSET = 18
const ELF_X86_64 = 0x3e
const ELF_AARCH64 = 0xb7

/** Debian's own; read-only with the rest where the root is. */
const TEMPORARY = new Set(['tmp', 'var/tmp', 'var/lock', 'run/lock'])

interface Image {
  readonly Id: string
  readonly Size: number
  readonly Architecture: string
  readonly RootFS: { readonly Layers: readonly string[] }
  readonly Config: {
    readonly User: string
    readonly Entrypoint: readonly string[]
    readonly Cmd?: readonly string[]
    readonly ExposedPorts: Readonly<Record<string, unknown>>
    readonly StopSignal: string
    readonly Labels: Readonly<Record<string, string>>
  }
  readonly Healthcheck: { readonly Test: readonly string[] }
}

async function inspect(name: string): Promise<Image> {
  return (await engine.inspect(name)) as Image
}

interface Contents {
  readonly root: string
  readonly paths: string[]
}

/** Every file, folder and link of the image, by its path. */
async function contents(image = IMAGE): Promise<Contents> {
  const root = await engine.podman('image', 'mount', image)
  return { root, paths: readdirSync(root, { recursive: true, encoding: 'utf8' }) }
}

test('the same sources make the same image', async () => {
  await buildImage(engine, AGAIN, { version: packageFile.version, revision: REVISION })
  const [one, two] = [await inspect(IMAGE), await inspect(AGAIN)]
  assert.deepEqual(two.RootFS.Layers, one.RootFS.Layers)
  assert.deepEqual(two.Config, one.Config)
})

test('the image for another platform is made without running anything of it', async () => {
  const labels = { version: packageFile.version, revision: REVISION }
  await buildImage(engine, OTHER, labels, OTHER_ARCHITECTURE)
  const [ours, other] = [await inspect(IMAGE), await inspect(OTHER)]
  assert.equal(other.Architecture, OTHER_ARCHITECTURE)
  assert.deepEqual(other.Config, ours.Config)
  const native = await contents(IMAGE)
  const foreign = await contents(OTHER)
  assert.equal(machineOf(join(native.root, NODE)), ELF_X86_64)
  assert.equal(machineOf(join(foreign.root, NODE)), ELF_AARCH64)
  assert.deepEqual(digestsOf(foreign), digestsOf(native))
})

/** What a program is for, as the header of its file says. */
function machineOf(path: string): number {
  return readFileSync(path).readUInt16LE(ELF_MACHINE_OFFSET)
}

/** All files of /app, by their path. */
function digestsOf({ root, paths }: Contents): Record<string, string> {
  const files = paths.filter(
    (path) => path.startsWith('app/') && lstatSync(join(root, path)).isFile(),
  )
  const digest = (path: string): string =>
    createHash('sha256')
      .update(readFileSync(join(root, path)))
      .digest('hex')
  return Object.fromEntries(files.sort().map((path) => [path, digest(path)]))
}

test('the image says what it is, and how to run, check and stop it', async (context) => {
  const { Size, Config, Healthcheck } = await inspect(IMAGE)
  const { Labels } = Config
  assert.equal(Labels['org.opencontainers.image.version'], packageFile.version)
  assert.equal(Labels['org.opencontainers.image.revision'], REVISION)
  assert.equal(Labels['org.opencontainers.image.licenses'], 'MIT')
  assert.match(Config.User, /^[1-9]\d*:[1-9]\d*$/)
  assert.equal(Config.StopSignal, 'SIGTERM')
  const ports = ['listen.port', 'sidecar.port'].map((key) => settingByKey.get(key)?.setting.default)
  assert.deepEqual(
    Object.keys(Config.ExposedPorts).sort(),
    ports.map((port) => `${port}/tcp`),
  )
  for (const words of [Config.Entrypoint, Healthcheck.Test.slice(1)]) assert.equal(words[0], 'node')
  assert.equal(Healthcheck.Test[0], 'CMD')
  context.diagnostic(`${Math.round(Size / MIB)} MiB`)
  assert.ok(Size < SIZE_MIB_MAX * MIB, `${Size} bytes`)
})

test('the image holds no shell, no package manager and nothing of the build', async () => {
  const { paths } = await contents()
  const programs = paths.filter((path) =>
    /bin\/((ba|da|z)?sh|busybox|npm|npx|corepack|apt(-get)?|dpkg)$/.test(path),
  )
  assert.deepEqual(programs, [])
  const ours = paths.filter((path) => path.startsWith('app/') && !path.includes('node_modules/'))
  const top = new Set(ours.map((path) => path.split('/')[1]))
  assert.deepEqual([...top].sort(), [
    ...['LICENSE', 'LICENSE-node', 'dist', 'licences.md', 'node_modules', 'package.json'],
  ])
  const unused = paths.filter((path) => path.startsWith('app/') && /\.ts$/.test(path))
  assert.deepEqual(unused, [])
})

test('the image has the packages that run, and no others', async () => {
  const { root, paths } = await contents()
  const present = paths
    .filter((path) =>
      /^app\/(.*\/)?node_modules\/(@[^/]+\/)?[^/@.][^/]*\/package\.json$/.test(path),
    )
    .map((path) => path.slice('app/'.length, -'/package.json'.length))
  const expected = Object.entries(lockFile.packages)
    .filter(([path, entry]) => path !== '' && !entry.dev && !entry.optional && !entry.devOptional)
    .map(([path]) => path)
  assert.deepEqual(present.sort(), expected.sort())
  const native = paths.filter((path) => path.startsWith('app/') && path.endsWith('.node'))
  assert.deepEqual(native, [], 'native code would be of the platform that built it')
  const packages = JSON.parse(readFileSync(join(root, 'app/package.json'), 'utf8'))
  assert.deepEqual(packages, { ...packageFile, gitHead: REVISION })
})

test('nothing in the image can be written by the user who runs it', async () => {
  const { root, paths } = await contents()
  const writable = paths.filter((path) => {
    const { mode, uid, gid } = lstatSync(join(root, path))
    const isLink = (mode & constants.S_IFMT) === constants.S_IFLNK
    return !isLink && (uid !== 0 || gid === USER || (mode & constants.S_IWOTH) !== 0)
  })
  assert.deepEqual(
    writable.filter((path) => !TEMPORARY.has(path)),
    [],
  )
})
