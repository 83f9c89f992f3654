import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import type { ReleaseFiles } from '../../.github/release.ts'
import { changesOf, fillChart, notesOf, releaseProblems } from '../../.github/release.ts'
import { read } from './repository.ts'

const CHANGELOG = `# Changelog

## 1.2.3 - 2026-12-01

### Added

- One thing that needs
  two lines.
- Another.

### Security

- A hole is mended.

## 1.2.2 - 2026-11-01

- Older.
`
const CHART = '# A comment.\nname: memc-kv\nversion: 1.2.3\nappVersion: 1.2.3\n'
const VALUES = `# About images.
image:
  registry: ghcr.io
  repository: somebody/memc-kv
  # Stronger than the tag.
  digest: ''
metrics:
  prometheusRule:
    runbookUrl: ''
`
const FILES: ReleaseFiles = {
  packageJson: '{"version":"1.2.3"}',
  changelog: CHANGELOG,
  chart: CHART,
}
const DIGEST = `sha256:${'0a'.repeat(32)}`

test('a release has one version in tag, package, chart and changelog', () => {
  assert.deepEqual(releaseProblems('v1.2.3', FILES), [])
  assert.deepEqual(releaseProblems('v1.2.4', FILES), [
    'the tag is v1.2.4, the version of package.json 1.2.3',
  ])
  const chart = CHART.replace('appVersion: 1.2.3', 'appVersion: 1.2.2')
  assert.deepEqual(releaseProblems('v1.2.3', { ...FILES, chart }), [
    'appVersion of the chart is 1.2.2, not 1.2.3',
  ])
  for (const heading of ['Unreleased', '1.2.3', '1.2.3 - soon', '1x2.3 - 2026-12-01']) {
    const changelog = CHANGELOG.replace('1.2.3 - 2026-12-01', heading)
    assert.deepEqual(releaseProblems('v1.2.3', { ...FILES, changelog }), [
      `CHANGELOG.md begins with "## ${heading}"; a release needs "## 1.2.3 - YYYY-MM-DD"`,
    ])
  }
  const changelog = '## 1.2.3 - 2026-12-01\n\n## 1.2.2 - 2026-11-01\n\n- Older.\n'
  assert.deepEqual(releaseProblems('v1.2.3', { ...FILES, changelog }), [
    'CHANGELOG.md says nothing about 1.2.3',
  ])
})

test('the changes of a version are its own, whole, and of their kind', () => {
  assert.deepEqual(changesOf(notesOf(CHANGELOG, '1.2.3')), [
    { kind: 'added', description: 'One thing that needs two lines.' },
    { kind: 'added', description: 'Another.' },
    { kind: 'security', description: 'A hole is mended.' },
  ])
  assert.deepEqual(changesOf(notesOf(CHANGELOG, '1.2.2')), [
    { kind: 'changed', description: 'Older.' },
  ])
  assert.throws(() => notesOf(CHANGELOG, '1.2'), /no heading for 1\.2/)
  assert.throws(() => changesOf('### Improved\n\n- This.'), /### Improved/)
})

test('CHANGELOG.md can be read that way', () => {
  const changelog = read('CHANGELOG.md')
  for (const [, version = ''] of changelog.matchAll(/^## (\S+)/gm)) {
    const notes = notesOf(changelog, version)
    const points = notes.match(/^- /gm) ?? []
    const changes = changesOf(notes)
    assert.ok(changes.length > 0, version)
    assert.equal(changes.length, points.length, version)
    const words = changes.flatMap(({ description }) => description.split(/\s+/)).length
    const written = notes.replace(/^(###.*|- )/gm, '').match(/\S+/g)?.length
    assert.equal(words, written, `words of ${version} that belong to no point`)
  }
})

test('the chart names the image by its digest, and keeps its comments', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'memckv-release-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const file = (name: string): string => readFileSync(join(folder, name), 'utf8')
  writeFileSync(join(folder, 'Chart.yaml'), CHART)
  writeFileSync(join(folder, 'values.yaml'), VALUES)
  const released = {
    image: 'ghcr.io/example/memc-kv',
    digest: DIGEST,
    page: 'https://example.com/example/memc-kv',
    notes: notesOf(CHANGELOG, '1.2.3'),
  }
  fillChart(folder, released)
  assert.equal(
    parse(file('values.yaml')).metrics.prometheusRule.runbookUrl,
    'https://example.com/example/memc-kv/blob/v1.2.3/docs/runbook.md',
  )
  assert.equal(parse(file('Chart.yaml')).home, 'https://example.com/example/memc-kv')
  assert.deepEqual(parse(file('values.yaml')).image, {
    registry: 'ghcr.io',
    repository: 'example/memc-kv',
    digest: DIGEST,
  })
  assert.match(file('values.yaml'), /# About images\.[\s\S]*# Stronger than the tag\./)
  assert.match(file('Chart.yaml'), /^# A comment\./)
  const { annotations } = parse(file('Chart.yaml'))
  assert.deepEqual(parse(annotations['artifacthub.io/changes']), [
    { kind: 'added', description: 'One thing that needs two lines.' },
    { kind: 'added', description: 'Another.' },
    { kind: 'security', description: 'A hole is mended.' },
  ])
  assert.deepEqual(parse(annotations['artifacthub.io/images']), [
    {
      name: 'memc-kv',
      image: `ghcr.io/example/memc-kv:1.2.3@${DIGEST}`,
      platforms: ['linux/amd64', 'linux/arm64'],
    },
  ])
  assert.equal(annotations['artifacthub.io/containsSecurityUpdates'], 'true')
  assert.equal(annotations['artifacthub.io/prerelease'], 'false')
  assert.throws(() => fillChart(folder, { ...released, digest: 'sha256:1' }), /sha256/)
  assert.throws(() => fillChart(folder, { ...released, page: '' }), /match/)
})
