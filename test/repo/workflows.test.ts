import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'
import { allFiles, exists, read } from './repository.ts'

/** Nothing runs the workflows here; this is what of them can be held. docs/releasing.md has the linters. */

interface Step {
  readonly uses?: string
  readonly run?: string
  readonly with?: Readonly<Record<string, unknown>>
}

interface Workflow {
  readonly permissions: unknown
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly needs?: string | readonly string[]
        readonly permissions?: Readonly<Record<string, string>>
        readonly 'timeout-minutes'?: number
        readonly steps: readonly Step[]
      }
    >
  >
}

const paths = allFiles('.github/workflows')
const workflows = paths.map((path) => ({
  path,
  text: read(path),
  ...(parse(read(path)) as Workflow),
}))
const jobs = workflows.flatMap(({ path, jobs }) =>
  Object.entries(jobs).map(([name, job]) => ({ place: `${path}: ${name}`, ...job })),
)
const steps = jobs.flatMap(({ place, steps }) => steps.map((step) => ({ place, ...step })))

test('a job has the rights that it names, and an end', () => {
  assert.ok(jobs.length > 0)
  for (const { path, permissions } of workflows) assert.deepEqual(permissions, {}, path)
  const wrong = jobs.filter((job) => !job.permissions || !job['timeout-minutes'])
  assert.deepEqual(
    wrong.map(({ place }) => place),
    [],
  )
})

test('every action is pinned to a commit, and leaves no credentials behind', () => {
  const used = steps.filter(({ uses }) => uses !== undefined)
  assert.ok(used.length > 0)
  for (const { place, uses = '', with: inputs } of used) {
    assert.match(uses, /^[\w-]+\/[\w-]+@[0-9a-f]{40}$/, place)
    if (uses.startsWith('actions/checkout@')) {
      assert.equal(inputs?.['persist-credentials'], false, place)
    }
  }
  const lines = workflows.flatMap(({ text }) => text.match(/uses: .*/g) ?? [])
  for (const line of lines) assert.match(line, / # v\d+\.\d+\.\d+$/)
  const commits = new Set(lines)
  const actions = new Set(lines.map((line) => line.split('@')[0]))
  assert.equal(commits.size, actions.size, 'one action at two commits')
})

test('no script has an expression pasted into it', () => {
  const pasted = steps.filter(({ run }) => run?.includes('${{'))
  assert.deepEqual(
    pasted.map(({ place }) => place),
    [],
  )
})

test('what a script runs from the repository exists', () => {
  const files = steps.flatMap(({ run = '' }) => run.match(/\.(?:github|ci)\/[\w./-]+/g) ?? [])
  assert.ok(files.length > 0)
  assert.deepEqual(
    files.filter((file) => !exists(file)),
    [],
  )
})

test('nothing is published before everything was checked', () => {
  const release = workflows.find(({ path }) => path.endsWith('release.yml'))?.jobs ?? {}
  const before = (name: string): string[] =>
    [release[name]?.needs ?? []].flat().flatMap((other) => [other, ...before(other)])
  const publishing = Object.keys(release).filter((name) =>
    Object.values(release[name]?.permissions ?? {}).includes('write'),
  )
  assert.deepEqual(publishing, ['image', 'sign', 'chart', 'notes'])
  for (const name of ['sign', 'chart', 'notes']) assert.ok(before(name).includes('image'), name)
  assert.ok(before('sign').includes('pushed'), 'what is signed was run')
  for (const name of publishing) {
    for (const needed of ['check', 'smoke']) assert.ok(before(name).includes(needed), name)
  }
})

test('a tag of its own is not cancelled, not the latest before its time, and in small letters', () => {
  const { text = '' } = workflows.find(({ path }) => path.endsWith('release.yml')) ?? {}
  assert.match(text, /group: release-\$\{\{ github\.ref \}\}/)
  assert.match(text, /--prerelease --latest=false/)
  assert.doesNotMatch(text, /ghcr\.io\/\$\{\{/)
})
