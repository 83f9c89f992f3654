import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../../..')

/** Builds dist, which is what is measured, when a source is newer. */
export function buildIfOlder(): void {
  const built = join(ROOT, 'dist/main.js')
  if (existsSync(built) && statSync(built).mtimeMs >= newestSource()) return
  process.stderr.write('building dist, which is older than src\n')
  run('build')
}

/**
 * The same with the probe of stalls/ in it, beside it: paths of the server count from there.
 *
 * @returns the file to start
 */
export function buildProbed(): string {
  run('bundle', '--', 'test/bench/stalls/probed-main.ts', '--outdir=dist')
  return join(ROOT, 'dist/probed-main.js')
}

function run(script: string, ...words: string[]): void {
  const options = { cwd: ROOT, encoding: 'utf8' } as const
  const { status, stderr } = spawnSync('npm', ['run', script, ...words], options)
  if (status !== 0) throw new Error(`src does not compile:\n${stderr}`)
}

function newestSource(): number {
  const folder = join(ROOT, 'src')
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => join(folder, path))
  // How it is built, and the packages that are in it.
  const others = ['package.json', 'package-lock.json'].map((path) => join(ROOT, path))
  return Math.max(...[...sources, ...others].map((path) => statSync(path).mtimeMs))
}
