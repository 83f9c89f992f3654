import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLASS_SIZES, sizeClassOf } from '../../src/store/size-class.ts'

test('the classes are those of the reference', () => {
  assert.equal(CLASS_SIZES.length - 1, 39)
  assert.deepEqual(
    [1, 2, 25, 31, 39].map((index) => CLASS_SIZES[index]),
    [96, 120, 21696, 82792, 524288],
  )
})

test('a size belongs to the first class that holds it', () => {
  for (let size = 49; size <= 530_000; size += size < 9000 ? 1 : 997) {
    const sizeClass = sizeClassOf(size)
    assert.ok((CLASS_SIZES[sizeClass] as number) >= Math.min(size, 524288))
    assert.ok((CLASS_SIZES[sizeClass - 1] as number) < size)
  }
  assert.equal(sizeClassOf(2 ** 29), 39)
})
