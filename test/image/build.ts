import { ROOT } from '../repo/repository.ts'
import type { Engine } from './engine.ts'

/** Any will do, as long as it is the same: SOURCE_DATE_EPOCH of a release is its commit's. */
const TIMESTAMP = '1700000000'

/** The labels that a release gives; see .github/workflows/release.yml. */
export interface BuildLabels {
  readonly version: string
  readonly revision: string
}

/**
 * Builds the Dockerfile as it is, from nothing that an earlier build left. BUILDPLATFORM is docker's
 * own; buildah 1.28, which Debian 12 has, must be told.
 */
export async function buildImage(
  engine: Engine,
  name: string,
  labels: BuildLabels,
  architecture = 'amd64',
): Promise<void> {
  await engine.buildah(
    ...['build', '--pull-never', '--no-cache', '--isolation', 'chroot', '--network', 'host'],
    // OCI's format has no place for HEALTHCHECK.
    ...['--format', 'docker', '--timestamp', TIMESTAMP],
    ...['--build-arg', `VERSION=${labels.version}`, '--build-arg', `REVISION=${labels.revision}`],
    ...['--build-arg', 'BUILDPLATFORM=linux/amd64', '--platform', `linux/${architecture}`],
    ...['--tag', name, ROOT],
  )
}
