import { pieceAt } from '../fuzz/server-values.ts'

/**
 * Values as the model has them and as they go over the wire. A large part of a value is written `{id:length}`
 * in the model; on the wire that many bytes follow, which only this id has. So what is read back
 * becomes a short text again, and a part that is not whole, or not of this id, becomes a text that no
 * client ever wrote.
 */
const NAME = /^\{(\d+):(\d+)\}/
const NAME_BYTES_MAX = 40

export function largePart(id: number, length: number): string {
  return `{${id}:${length}}`
}

export function encodeValue(value: string): Buffer {
  const parts: Buffer[] = []
  for (const part of value.split(/(?=\{)|(?<=\})/)) {
    parts.push(Buffer.from(part, 'latin1'))
    const [, id, length] = NAME.exec(part) ?? []
    if (id !== undefined) parts.push(pieceAt(wordOf(Number(id)), Number(length)))
  }
  return Buffer.concat(parts)
}

export function decodeValue(bytes: Buffer): string {
  let text = ''
  for (let at = 0; at < bytes.length; ) {
    const brace = bytes.indexOf('{', at)
    if (brace !== at) {
      const end = brace < 0 ? bytes.length : brace
      text += bytes.toString('latin1', at, end)
      at = end
      continue
    }
    const [name, id, length] = NAME.exec(bytes.toString('latin1', at, at + NAME_BYTES_MAX)) ?? []
    if (name === undefined) return `${text}(broken at ${at} of ${bytes.length})`
    const start = at + name.length
    const wanted = pieceAt(wordOf(Number(id)), Number(length))
    const found = bytes.subarray(start, start + wanted.length)
    if (!found.equals(wanted)) return `${text}${name}(torn, ${bytes.length} bytes in all)`
    text += name
    at = start + wanted.length
  }
  return text
}

function wordOf(id: number): number {
  return Math.imul(id + 1, 0x9e3779b1) >>> 0
}
