import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export type SectionName = 'throughput' | 'hits' | 'memory' | 'stalls' | 'growth' | 'start'

const DOCUMENT = resolve(import.meta.dirname, '../../../docs/performance.md')

/**
 * Replaces one section of docs/performance.md and the plots that belong to it. A plot's file is named
 * after its section, so plots that are no longer made go away with the text that showed them.
 */
export function writeSection(
  name: SectionName,
  markdown: string,
  plots: Readonly<Record<string, string>>,
  document = DOCUMENT,
): void {
  const text = existsSync(document) ? readFileSync(document, 'utf8') : ''
  const replaced = replaceSection(text, name, markdown, document)
  const folder = join(document, '../performance')
  mkdirSync(folder, { recursive: true })
  for (const file of readdirSync(folder)) {
    if (file.startsWith(`${name}-`) && file.endsWith('.svg')) rmSync(join(folder, file))
  }
  for (const [file, svg] of Object.entries(plots)) {
    writeFileSync(join(folder, plotFile(name, file)), svg)
  }
  writeFileSync(document, replaced)
}

/** How the text of a section shows a plot that is handed to writeSection under this name. */
export function plotImage(name: SectionName, file: string, says: string): string {
  return `![${says}](performance/${plotFile(name, file)})`
}

/** Lines as a list of markdown. */
export function markdownList(lines: readonly string[]): string {
  return lines.map((line) => `- ${line}`).join('\n')
}

/** A table of markdown; the first row is its head. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [
    line(head),
    line(head.map((_, at) => (at === 0 ? '---' : '---:'))),
    ...body.map(line),
  ].join('\n')
}

function plotFile(name: SectionName, file: string): string {
  const base = file.replace(/\.svg$/, '')
  return `${base.startsWith(`${name}-`) ? base : `${name}-${base}`}.svg`
}

function replaceSection(
  text: string,
  name: SectionName,
  markdown: string,
  document: string,
): string {
  const opening = `<!-- bench:${name} -->`
  const closing = `<!-- /bench:${name} -->`
  const start = text.indexOf(opening)
  const end = text.indexOf(closing)
  if (start < 0 || end < start) {
    throw new Error(`${document} has no ${opening} followed by ${closing}: nothing was written`)
  }
  const body = markdown.replace(/[ \t]+$/gm, '').trim()
  return `${text.slice(0, start + opening.length)}\n\n${body}\n\n${text.slice(end)}`
}
