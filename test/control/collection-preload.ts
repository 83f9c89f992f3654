import { createRequire, syncBuiltinESMExports } from 'node:module'
import { isMainThread } from 'node:worker_threads'

/** Loaded into a server under test, in each thread: says when it has had all garbage collected. */
const vm = createRequire(import.meta.url)('node:vm') as typeof import('node:vm')
const original = vm.runInNewContext
vm.runInNewContext = (...given) => {
  const found: unknown = original(...given)
  if (typeof found !== 'function') return found
  return (options: unknown): void => {
    found(options)
    console.log(`${isMainThread ? 'control' : 'worker'} collected ${JSON.stringify(options)}`)
  }
}
syncBuiltinESMExports()
