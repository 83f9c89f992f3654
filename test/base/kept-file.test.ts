import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { KeptFile } from '../../src/base/kept-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'memckv-kept-'))
after(() => rmSync(folder, { recursive: true }))

test('a kept file is read as it is now, however long it was', (context) => {
  const path = join(folder, 'figure')
  writeFileSync(path, '123456\n')
  const file = KeptFile.open(path)
  assert.ok(file !== null)
  context.after(() => file.close())
  assert.equal(file.text(), '123456\n')
  writeFileSync(path, '78\n')
  assert.equal(file.text(), '78\n')
  rmSync(path)
  assert.equal(file.text(), '78\n')
})

test('the kernel writes its own anew for each reading', (context) => {
  const file = KeptFile.open('/proc/uptime')
  assert.ok(file !== null)
  context.after(() => file.close())
  const first = file.text()
  assert.match(first, /^[\d.]+ [\d.]+\n$/)
  const end = performance.now() + 1000
  while (file.text() === first && performance.now() < end) {}
  assert.notEqual(file.text(), first)
})

test('what is not there, or cannot be read any more, is nobody’s end', () => {
  assert.equal(KeptFile.open(join(folder, 'none')), null)
  const file = KeptFile.open(folder)
  assert.equal(file?.text(), '')
  file?.close()
})
