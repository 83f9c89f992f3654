import { readFileSync } from 'node:fs'

const packageFile: unknown = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
)

/** The version of memc-kv itself. */
export const version = (packageFile as { version: string }).version

/** The memcached release whose behaviour is spoken: the answer to `version` and in `stats`. */
export const protocolVersion = '1.6.45'

/** What -V prints. */
export const versionLine = `memc-kv ${version} (memcached ${protocolVersion} compatible)`
