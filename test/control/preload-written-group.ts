import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { mock } from 'node:test'

/**
 * Preloaded into a server: what it reads of its control group are files that a test writes. It stands in for
 * the kernel where nobody may make a group; MEMCKV_TEST_GROUP names the folder.
 */
const { MEMCKV_TEST_GROUP: folder = '' } = process.env
const ROOT = '/sys/fs/cgroup/'
const readFile = fs.readFileSync

mock.method(fs, 'readFileSync', (path: string, ...options: ['utf8']) => {
  if (path === '/proc/self/cgroup') return '0::/\n'
  const stand = typeof path === 'string' && path.startsWith(ROOT)
  return readFile(stand ? join(folder, path.slice(ROOT.length)) : path, ...options)
})
syncBuiltinESMExports()
