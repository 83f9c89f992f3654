import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  LINE,
  LINE_BYTES,
  LINE_BYTES_LONGEST,
  LINE_IS_CLIENT_ERROR,
} from '../../src/protocol/lines.ts'
import { RESERVE_BYTES_MAX, ReplyWriter } from '../../src/protocol/reply.ts'

/** A writer whose sink keeps what is sent. */
function createWriter(): { reply: ReplyWriter; sent: () => string } {
  let text = ''
  const take = (): string => {
    text += reply.bytes.toString('latin1', 0, reply.position)
    reply.position = 0
    return text
  }
  const reply: ReplyWriter = new ReplyWriter(Buffer.alloc(65536), { flush: take })
  return { reply, sent: take }
}

describe('ReplyWriter', () => {
  it('writes lines, numbers, keys and headers', () => {
    const { reply, sent } = createWriter()
    const key = Buffer.from('..key..')
    reply.line(LINE.notFound)
    reply.stored()
    reply.end()
    reply.valueHeader(key, 2, 3, -1, 12345)
    reply.byte(32)
    reply.uint64(-1, -1)
    reply.lineEnd()
    reply.word(72, 68)
    reply.flag(107)
    reply.copy(key, 2, 5)
    reply.flag(98)
    reply.base64(key, 2, 5)
    reply.lineEnd()
    assert.equal(
      sent(),
      'NOT_FOUND\r\nSTORED\r\nEND\r\nVALUE key 4294967295 12345 18446744073709551615\r\nHD kkey ba2V5\r\n',
    )
  })

  it('every line has its text, is short enough, and none is there twice', () => {
    const texts = LINE_BYTES.map((bytes) => bytes.toString())
    assert.equal(texts.length, Object.keys(LINE).length)
    assert.equal(new Set(texts).size, texts.length)
    for (const text of texts) {
      assert.match(text, /^[A-Z].*\r\n$/)
      assert.ok(text.length <= LINE_BYTES_LONGEST)
    }
    assert.ok(LINE_IS_CLIENT_ERROR[LINE.error] && LINE_IS_CLIENT_ERROR[LINE.badFormat])
    assert.ok(!LINE_IS_CLIENT_ERROR[LINE.end] && !LINE_IS_CLIENT_ERROR[LINE.tooLarge])
  })

  it('asks the sink for room, and only then', () => {
    const { reply, sent } = createWriter()
    reply.position = 65536 - RESERVE_BYTES_MAX
    reply.reserve(RESERVE_BYTES_MAX)
    assert.equal(reply.flushes, 0)
    reply.position++
    reply.reserve(RESERVE_BYTES_MAX)
    assert.equal(reply.flushes, 1)
    assert.equal(reply.position, 0)
    assert.equal(reply.room, 65536)
    sent()
  })

  it('a sink that makes no room is a bug', () => {
    const reply = new ReplyWriter(Buffer.alloc(65536), { flush: () => {} })
    reply.position = 65536
    assert.throws(() => reply.reserve(1), /the sink has made room/)
  })

  it('long texts go in parts', () => {
    const { reply, sent } = createWriter()
    const text = Array.from({ length: 40000 }, (_, index) => `${index};`).join('')
    reply.text(text)
    assert.equal(sent(), text)
  })

  it('writes into the bytes it is given', () => {
    const { reply } = createWriter()
    const other = Buffer.alloc(32768)
    reply.attach(other)
    reply.end()
    assert.equal(other.toString('latin1', 0, 5), 'END\r\n')
    assert.equal(reply.capacity, 32768)
  })
})
