import { after, before } from 'node:test'
import { packageFile } from '../repo/repository.ts'
import { makeBases } from './bases.ts'
import { buildImage } from './build.ts'
import { Engine } from './engine.ts'

/** Built once for all tests of the image: `npm run test:image` runs them in one process. */
export const engine = new Engine()
export const IMAGE = 'localhost/memc-kv:tested'
export const REVISION = '0123456789abcdef0123456789abcdef01234567'

before(async () => {
  await makeBases(engine)
  await buildImage(engine, IMAGE, { version: packageFile.version, revision: REVISION })
})
after(() => engine.close())
