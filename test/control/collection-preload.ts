import { createRequire, syncBuiltinESMExports } from 'node:module'
import { isMainThread } from 'node:worker_threads'

/** Loaded into a server under test, in each thread: says when it asks V8 for its garbage collector. */
const vm = createRequire(import.meta.url)('node:vm') as typeof import('node:vm')
const original = vm.runInNewContext
vm.runInNewContext = (...given) => {
  const found: unknown = original(...given)
  console.log(`${isMainThread ? 'control' : 'worker'} found ${typeof found}`)
  return found
}
syncBuiltinESMExports()
