import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseDocument, stringify } from 'yaml'

/**
 * What the release workflow has to work out from the repository; docs/releasing.md tells the whole
 * way. Run by hand it changes nothing but the chart's folder that it is given:
 *
 *   node .github/release.ts check v1.2.3             is everything ready to be released under this tag?
 *   node .github/release.ts notes                    this version's part of CHANGELOG.md
 *   node .github/release.ts chart FOLDER NAME DIGEST PAGE
 *                                                    the chart, for the image of that name and digest, and
 *                                                    with links to the pages of the repository
 */

/** What Artifact Hub knows, which are Keep a Changelog's headings. */
const KINDS = ['added', 'changed', 'deprecated', 'removed', 'fixed', 'security']

export interface Change {
  readonly kind: string
  readonly description: string
}

export interface ReleaseFiles {
  readonly packageJson: string
  readonly changelog: string
  readonly chart: string
}

/** Why this tag must not be released; nothing when it may. */
export function releaseProblems(tag: string, files: ReleaseFiles): string[] {
  const { version } = JSON.parse(files.packageJson) as { version: string }
  const chart = parseDocument(files.chart)
  const newest = /^## (.*)$/m.exec(files.changelog)?.[1] ?? ''
  const problems: string[] = []
  if (tag !== `v${version}`)
    problems.push(`the tag is ${tag}, the version of package.json ${version}`)
  for (const key of ['version', 'appVersion']) {
    const found = chart.get(key)
    if (found !== version) problems.push(`${key} of the chart is ${found}, not ${version}`)
  }
  if (!new RegExp(`^${escaped(version)} - \\d{4}-\\d\\d-\\d\\d$`).test(newest)) {
    problems.push(
      `CHANGELOG.md begins with "## ${newest}"; a release needs "## ${version} - YYYY-MM-DD"`,
    )
  } else if (changesOf(notesOf(files.changelog, version)).length === 0) {
    problems.push(`CHANGELOG.md says nothing about ${version}`)
  }
  return problems
}

/** What CHANGELOG.md says about a version, without the heading. */
export function notesOf(changelog: string, version: string): string {
  const sections = changelog.split(/^## /m).slice(1)
  const section = sections.find((text) => /^\S+/.exec(text)?.[0] === version)
  assert.ok(section !== undefined, `CHANGELOG.md has no heading for ${version}`)
  return section.slice(section.indexOf('\n')).trim()
}

/** The points of the list, each with the heading above it. */
export function changesOf(notes: string): Change[] {
  const changes: Change[] = []
  let kind = 'changed'
  for (const line of notes.split('\n')) {
    const heading = /^### (\w+)$/.exec(line)?.[1]?.toLowerCase()
    const point = /^- (.*)$/.exec(line)?.[1]
    const last = changes.at(-1)
    if (heading !== undefined) {
      assert.ok(KINDS.includes(heading), `CHANGELOG.md has the heading "${line}"`)
      kind = heading
    } else if (point !== undefined) {
      changes.push({ kind, description: point })
    } else if (/^ {2}\S/.test(line) && last !== undefined) {
      changes[changes.length - 1] = { ...last, description: `${last.description} ${line.trim()}` }
    }
  }
  return changes
}

export interface Released {
  readonly image: string
  readonly digest: string
  /** Of the repository, without a slash at its end. */
  readonly page: string
  readonly notes: string
}

/** The image by its digest, and what Artifact Hub shows. Comments and order stay as they are. */
export function fillChart(folder: string, released: Released): void {
  const { image, digest, page, notes } = released
  assert.match(page, /^https:\/\/[^/]+\/.+[^/]$/)
  assert.match(digest, /^sha256:[0-9a-f]{64}$/)
  const [, registry = '', repository = ''] = /^([\w.:-]+)\/([\w./-]+)$/.exec(image) ?? []
  assert.ok(repository !== '', `${image} is not REGISTRY/NAME`)
  editYaml(join(folder, 'values.yaml'), (values) => {
    for (const [key, value] of Object.entries({ registry, repository, digest })) {
      assert.ok(values.hasIn(['image', key]), `values.yaml has no image.${key}`)
      values.setIn(['image', key], value)
    }
    const runbook = ['metrics', 'prometheusRule', 'runbookUrl']
    assert.ok(values.hasIn(runbook), 'values.yaml has no metrics.prometheusRule.runbookUrl')
    values.setIn(runbook, `${page}/blob/v${versionOf(folder)}/docs/runbook.md`)
  })
  editYaml(join(folder, 'Chart.yaml'), (chart) => {
    const version = String(chart.get('version'))
    const documents = `${page}/blob/v${version}/docs`
    chart.set('home', page)
    chart.set('sources', [`${page}/tree/v${version}`])
    const changes = changesOf(notes)
    const platforms = ['linux/amd64', 'linux/arm64']
    const annotations = {
      changes: stringify(changes),
      images: stringify([{ name: 'memc-kv', image: `${image}:${version}@${digest}`, platforms }]),
      containsSecurityUpdates: String(changes.some(({ kind }) => kind === 'security')),
      links: stringify([
        { name: 'Runbook', url: `${documents}/runbook.md` },
        { name: 'Settings', url: `${documents}/configuration.md` },
      ]),
      prerelease: String(version.includes('-') || version.startsWith('0.')),
    }
    for (const [name, value] of Object.entries(annotations)) {
      chart.setIn(['annotations', `artifacthub.io/${name}`], value)
    }
  })
}

function versionOf(folder: string): string {
  return String(parseDocument(readFileSync(join(folder, 'Chart.yaml'), 'utf8')).get('version'))
}

function editYaml(path: string, edit: (document: ReturnType<typeof parseDocument>) => void): void {
  const document = parseDocument(readFileSync(path, 'utf8'))
  edit(document)
  writeFileSync(path, document.toString({ lineWidth: 0 }))
}

function escaped(text: string): string {
  return text.replace(/[.+]/g, '\\$&')
}

function main(command: string | undefined, words: readonly string[]): void {
  const root = join(import.meta.dirname, '..')
  const read = (path: string): string => readFileSync(join(root, path), 'utf8')
  const packageJson = read('package.json')
  const { version } = JSON.parse(packageJson) as { version: string }
  const changelog = read('CHANGELOG.md')
  const [first = '', second = '', third = '', fourth = ''] = words
  switch (command) {
    case 'check': {
      const problems = releaseProblems(first, {
        packageJson,
        changelog,
        chart: read('helm/memc-kv/Chart.yaml'),
      })
      for (const problem of problems) console.error(problem)
      if (problems.length > 0) process.exit(1)
      return
    }
    case 'notes':
      console.log(notesOf(changelog, version))
      return
    case 'chart':
      fillChart(first, {
        image: second,
        digest: third,
        page: fourth,
        notes: notesOf(changelog, version),
      })
      return
    default:
      console.error('usage: release.ts check TAG | notes | chart FOLDER NAME DIGEST PAGE')
      process.exit(64)
  }
}

if (import.meta.main) main(process.argv[2], process.argv.slice(3))
