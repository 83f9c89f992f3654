import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LINE } from '../../src/protocol/lines.ts'
import { OPCODE } from '../../src/protocol/opcode.ts'
import {
  PARSE_CLOSE,
  PARSE_ERROR,
  PARSE_MORE,
  PARSE_READY,
  REFUSAL,
} from '../../src/protocol/request.ts'
import { createParser, errorText, keyText } from './parse.ts'

describe('Parser.resumeKeys', () => {
  it('goes on with any key of the line, and with its end', () => {
    const parser = createParser()
    const line = Buffer.from('gat 30 one two  three\r\nget x\r\n')
    const text = line.toString()
    for (const key of ['one', 'two', 'three']) {
      const status = parser.resumeKeys(line, text.indexOf(key), line.length, OPCODE.gat, 30)
      assert.equal(status, PARSE_READY)
      assert.equal(keyText(parser.request), key)
      assert.equal(parser.request.next, 23)
      assert.equal(parser.request.opcode, OPCODE.gat)
      assert.equal(parser.request.exptime, 30)
    }
    for (const end of [21, 22]) {
      assert.equal(parser.resumeKeys(line, end, line.length, OPCODE.get, 0), PARSE_READY)
      assert.equal(parser.request.keyLength, 0)
    }
  })
})

describe('Parser.parseLine', () => {
  it('reads a line whose value lies elsewhere', () => {
    const parser = createParser()
    const line = Buffer.from('set key 5 60 100000 noreply\r\n')
    assert.equal(parser.parse(line, 0, line.length), PARSE_MORE)
    assert.equal(parser.request.missing, 100002)
    assert.equal(parser.request.valueStart, line.length)
    assert.equal(parser.parseLine(line, 0, line.length), PARSE_READY)
    assert.equal(parser.request.valueLength, 100000)
    assert.equal(parser.request.next, line.length)
    assert.equal(parser.request.upload, null)
    assert.ok(parser.request.noreply)
    assert.equal(parser.parse(line, 0, line.length), PARSE_MORE, 'the next parse is a usual one')
  })
})

describe('refusals', () => {
  it('are told apart from plain errors', () => {
    const parser = createParser()
    const expected: readonly [string, number][] = [
      ['set k 0 0 2000000\r\n', REFUSAL.tooLarge],
      ['ms k 2000000\r\n', REFUSAL.tooLarge],
      ['set k 0 0 1\r\nabc', REFUSAL.badData],
      ['ms k 1\r\nabc', REFUSAL.badData],
      ['set k x 0 1\r\n', REFUSAL.none],
      ['foo\r\n', REFUSAL.none],
    ]
    for (const [text, refusal] of [...expected, ...expected.toReversed()]) {
      const buffer = Buffer.from(text)
      assert.equal(parser.parse(buffer, 0, buffer.length), PARSE_ERROR, text)
      assert.equal(parser.request.refusal, refusal, text)
    }
  })
})

describe('Parser.parseAuth', () => {
  function parse(text: string): string | number {
    const parser = createParser()
    const buffer = Buffer.from(`${text}set k 0 0 9\r\n`)
    const status = parser.parseAuth(buffer, 0, text.length)
    if (status === PARSE_ERROR) return `${errorText(parser.request)} at ${parser.request.next}`
    if (status !== PARSE_READY) return status
    assert.equal(parser.request.opcode, OPCODE.auth)
    assert.equal(parser.request.next, text.length)
    const { valueStart, valueLength } = parser.request
    return buffer.toString('latin1', valueStart, valueStart + valueLength)
  }

  it('understands a set and nothing else', () => {
    assert.equal(parse('set foo x x 9\r\nuser pass\r\n'), 'user pass')
    assert.equal(parse('set foo 0 0 9 noreply\r\nuser pass\r\n'), 'user pass')
    const bad = 'CLIENT_ERROR unauthenticated'
    assert.equal(parse('get foo\r\n'), `${bad} at 9`)
    assert.equal(parse('version\r\n'), `${bad} at 9`)
    assert.equal(parse('set foo 0 0\r\n'), `${bad} at 13`)
    assert.equal(parse('set foo 0 0 x\r\n'), `${bad} at 15`)
  })

  it('has limits', () => {
    assert.equal(parse('set foo 0 0 16385\r\n'), 'CLIENT_ERROR auth token too long at 19')
    assert.equal(parse('set foo 0 0 16384\r\n'), PARSE_MORE)
    assert.equal(parse('set foo 0 0 3\r\nu pxx'), 'CLIENT_ERROR bad command line termination at 20')
    assert.equal(parse('mn\r\n'), PARSE_CLOSE)
    assert.equal(parse('quit\r\n'), PARSE_CLOSE)
    assert.equal(parse('quit1\r\n'), 'CLIENT_ERROR unauthenticated at 7')
    assert.equal(parse('x'.repeat(2048)), PARSE_MORE)
    assert.equal(parse('x'.repeat(2049)), PARSE_CLOSE)
  })
})

describe('lines', () => {
  it('the record says which error it was', () => {
    const parser = createParser()
    const buffer = Buffer.from('foo\r\n')
    assert.equal(parser.parse(buffer, 0, buffer.length), PARSE_ERROR)
    assert.equal(parser.request.errorLine, LINE.error)
    assert.equal(parser.request.swallow, 0)
  })
})
