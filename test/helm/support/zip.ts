import assert from 'node:assert/strict'
import { inflateRawSync } from 'node:zlib'

const END_SIGNATURE = 0x06054b50
const ENTRY_SIGNATURE = 0x02014b50
const END_BYTES = 22
const ENTRY_BYTES = 46
const LOCAL_BYTES = 30
const DEFLATED = 8

/** One file of a ZIP archive (PKWARE's APPNOTE, sections 4.3.7, 4.3.12 and 4.3.16), without its 64-bit parts. */
export function unzip(archive: Buffer, path: string): Buffer {
  const end = archive.lastIndexOf(signature(END_SIGNATURE))
  assert.ok(end >= 0 && end + END_BYTES <= archive.length, 'not a ZIP archive')
  let at = archive.readUInt32LE(end + 16)
  for (let count = archive.readUInt16LE(end + 10); count > 0; count--) {
    assert.equal(archive.readUInt32LE(at), ENTRY_SIGNATURE)
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((offset) =>
      archive.readUInt16LE(at + offset),
    ) as [number, number, number]
    const name = archive.toString('utf8', at + ENTRY_BYTES, at + ENTRY_BYTES + nameBytes)
    if (name === path) return contentOf(archive, at)
    at += ENTRY_BYTES + nameBytes + extraBytes + commentBytes
  }
  throw new Error(`the archive holds no ${path}`)
}

function contentOf(archive: Buffer, entry: number): Buffer {
  const method = archive.readUInt16LE(entry + 10)
  const bytes = archive.readUInt32LE(entry + 20)
  const local = archive.readUInt32LE(entry + 42)
  const start =
    local + LOCAL_BYTES + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28)
  const content = archive.subarray(start, start + bytes)
  return method === DEFLATED ? inflateRawSync(content) : content
}

function signature(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
