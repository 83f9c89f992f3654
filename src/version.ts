import { readFileSync } from 'node:fs'

const packageFile = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { readonly version: string; readonly gitHead?: string }

/** The version of memc-kv itself. */
export const version = packageFile.version

/** The commit it was built from, as npm calls it; the image is built with it. Empty when nobody said. */
export const commit = packageFile.gitHead ?? ''

/** The memcached release whose behaviour is spoken: the answer to `version` and in `stats`. */
export const protocolVersion = '1.6.45'

/** What -V prints. */
export const versionLine = `memc-kv ${version} (memcached ${protocolVersion} compatible)`
