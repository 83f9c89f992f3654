import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LockedPackage } from './repository.ts'
import { lockFile, ROOT, read } from './repository.ts'

/**
 * docs/licences.md: what of others is installed beside the server, and under which licences. Made of the
 * packages themselves; supply-chain.test.ts fails when it is behind, and this brings it up to date:
 *
 *   npx node test/repo/licences.ts
 */
export const LICENCES_FILE = new URL('../../docs/licences.md', import.meta.url)

/** What `npm ci --omit=dev --omit=optional` installs, as the image does, by its folder. */
export function productionPackages(): Readonly<Record<string, LockedPackage>> {
  return Object.fromEntries(
    Object.entries(lockFile.packages).filter(
      ([path, { dev, optional }]) => path !== '' && dev !== true && optional !== true,
    ),
  )
}

interface Row {
  readonly name: string
  readonly version: string
  readonly licence: string
  readonly files: readonly string[]
}

export function licencesDocument(): string {
  const rows = Object.keys(productionPackages()).map(rowOf)
  const shares = [...Map.groupBy(rows, ({ licence }) => licence)]
    .map(([licence, of]) => ({ licence, count: of.length }))
    .sort((a, b) => b.count - a.count)
  return [
    '# Licences of what memc-kv is made of',
    '',
    'memc-kv itself is under the MIT licence. This is what runs with it, made by `npx node test/repo/licences.ts`',
    'from the packages themselves. The image carries this page as `/app/licences.md`, and the text of each licence',
    'in `/app/node_modules/NAME/`; where a package brings none, the table says so. The licence of Node, and of',
    'all it is made of, is there as `/app/LICENSE-node`; those of Debian’s libraries are in `/usr/share/doc`.',
    '',
    ...shares.map(({ licence, count }) => `- ${licence}: ${count}`),
    '',
    '| package | version | licence | text |',
    '| --- | --- | --- | --- |',
    ...rows.map(
      ({ name, version, licence, files }) =>
        `| ${name} | ${version} | ${licence} | ${files.join(', ') || 'none'} |`,
    ),
    '',
  ].join('\n')
}

function rowOf(folder: string): Row {
  const { name, version, license } = JSON.parse(read(join(folder, 'package.json')))
  const files = readdirSync(join(ROOT, folder)).filter((file) =>
    /^(licen[cs]es?|copying|notice)\b/i.test(file),
  )
  return { name, version, licence: license, files: files.sort() }
}

if (import.meta.main) writeFileSync(LICENCES_FILE, licencesDocument())
