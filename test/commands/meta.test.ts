import assert from 'node:assert/strict'
import { it } from 'node:test'
import { DataServer } from './data-server.ts'

function withItem(flags = '0 0'): DataServer {
  const server = new DataServer()
  server.expect(`set k ${flags} 3\r\nabc\r\n`, 'STORED\r\n')
  return server
}

it('mg shows what is asked for, in the order asked', () => {
  const server = withItem('7 100')
  server.store.now += 5
  server.expect('mg k\r\n', 'HD\r\n')
  server.expect('mg k s v t f c k Oxyz q L1 Pz\r\n', 'VA 3 s3 t95 f7 c1 kk Oxyz\r\nabc\r\n')
  server.expect('mg none v\r\nmg none k O1 v\r\nmg none q k\r\n', 'EN\r\nEN knone O1\r\n')
})

it('h and l show the time before, and u leaves no trace', () => {
  const server = withItem()
  server.store.now += 10
  server.expect(
    'mg k u h l\r\nmg k h l\r\nmg k h l u\r\n',
    'HD h0 l10\r\nHD h0 l10\r\nHD h1 l0\r\n',
  )
})

it('T touches, and a t before it shows the old time', () => {
  const server = withItem()
  server.expect('mg k t T30\r\n', 'HD t-1\r\n')
  server.expect('mg k T60 t\r\n', 'HD t60\r\n')
  server.expect('mg k T-1 t\r\nmg k\r\n', 'HD t0\r\nEN\r\n')
  assert.equal(server.count('touchHits'), 3)
  assert.equal(server.count('getHits'), 0)
  assert.equal(server.count('getMisses'), 1)
})

it('C drops the value that the client has already', () => {
  const server = withItem()
  server.expect('mg k v C1 s\r\nmg k v C2\r\n', 'HD s3\r\nVA 3\r\nabc\r\n')
})

it('N makes an item that one client wins', () => {
  const server = new DataServer()
  server.expect('mg k N30 t v\r\n', 'VA 0 t30 W\r\n\r\n')
  server.expect('mg k N30 t v\r\nmg k\r\n', 'VA 0 t30 Z\r\n\r\nHD Z\r\n')
  server.expect('ms k 1\r\nx\r\nmg k v\r\n', 'HD\r\nVA 1\r\nx\r\n')
  server.expect('mg l N30 E18446744073709551615 c q\r\n', 'HD c18446744073709551615 W\r\n')
  server.expect('mg l c\r\n', 'HD c18446744073709551615 Z\r\n')
  server.expect('mg p T5 t N30\r\nmg p t\r\n', 'HD t5 W\r\nHD t30 Z\r\n')
  server.expect(
    'mg m t N30\r\nmg n T5 N30 t\r\nmg o N30 T5 t\r\n',
    'HD t-1 W\r\nHD t30 W\r\nHD t5 W\r\n',
  )
})

it('R lets one client win near the end', () => {
  const server = withItem('0 20')
  server.expect('mg k R10\r\nmg k R30\r\nmg k R30\r\nmg k\r\n', 'HD\r\nHD W\r\nHD Z\r\nHD Z\r\n')
  server.send('set k 0 0 1\r\na\r\n')
  server.expect('mg k R30\r\n', 'HD\r\n')
})

it('md I makes stale: X for all, W for one', () => {
  const server = withItem()
  server.expect('md k I T30 q\r\n', '')
  server.expect('mg k t v\r\nmg k v\r\n', 'VA 3 t30 X W\r\nabc\r\nVA 3 Z X\r\nabc\r\n')
  server.expect('md k I E77\r\nmg k c\r\n', 'HD\r\nHD c77 X W\r\n')
  server.expect(
    'md k I E18446744073709551615\r\nmg k c v\r\n',
    'HD\r\nVA 3 c18446744073709551615 X W\r\nabc\r\n',
  )
  server.expect('ms k 1 c\r\nz\r\nmg k v\r\n', 'HD c3\r\nVA 1\r\nz\r\n')
})

it('md deletes, compares, empties', () => {
  const server = withItem('5 100')
  server.expect('md none k O1 q\r\nmd k C9 q k\r\n', 'NF knone O1\r\nEX kk\r\n')
  server.expect('md k x c v\r\nmg k v f t c\r\n', 'HD\r\nVA 0 f0 t-1 c1\r\n\r\n')
  server.expect('md k x I T9 F3\r\nmg k v f t\r\n', 'HD\r\nVA 0 f3 t9 X W\r\n\r\n')
  server.expect('md k k O2\r\nmg k\r\n', 'HD kk O2\r\nEN\r\n')
  assert.deepEqual([server.count('deleteHits'), server.count('deleteMisses')], [2, 2])
})

it('ms modes and their misses', () => {
  const server = new DataServer()
  server.expect('ms k 1 MR\r\na\r\nms k 1 MA\r\na\r\nms k 1 MP C1\r\na\r\n', 'NS\r\nNS\r\nNS\r\n')
  server.expect('ms k 1 C1\r\na\r\nms k 1 MR C1\r\na\r\n', 'NF\r\nNF\r\n')
  server.expect('ms k 1 ME F5 T30 c s k O9\r\na\r\n', 'HD c1 s1 kk O9\r\n')
  server.expect('ms k 1 ME c k q\r\nb\r\n', 'NS c0 kk\r\n')
  server.expect('ms k 2 MA s\r\nbc\r\nms k 1 MP s c C2\r\nz\r\n', 'HD s3\r\nHD s4 c3\r\n')
  server.expect('ms k 1 MA C1\r\nq\r\nmg k v f t\r\n', 'EX\r\nVA 4 f5 t30\r\nzabc\r\n')
  server.expect(
    'ms k 1 C1 s\r\nq\r\nms k 1 C3 q\r\nq\r\nmg k v f t\r\n',
    'EX s1\r\nVA 1 f0 t-1\r\nq\r\n',
  )
})

it('ms N makes what append misses', () => {
  const server = new DataServer()
  server.expect('ms k 2 MA N60 F4 s\r\nab\r\nmg k v t f\r\n', 'HD s2\r\nVA 2 t60 f4\r\nab\r\n')
  server.expect('ms k 1 MP N60\r\nz\r\nmg k v\r\n', 'HD\r\nVA 3\r\nzab\r\n')
})

it('ms E sets the CAS, E0 does not', () => {
  const server = new DataServer()
  server.expect('ms k 1 E900 c\r\na\r\nms k 1 E0 c\r\na\r\n', 'HD c900\r\nHD c1\r\n')
  server.expect(
    'ms k 1 E18446744073709551615\r\na\r\nmg k c v\r\n',
    'HD\r\nVA 1 c18446744073709551615\r\na\r\n',
  )
  server.expect('ms k 1 C18446744073709551615 c\r\nb\r\n', 'HD c2\r\n')
})

it('ms I stores over a newer version, as stale', () => {
  const server = withItem('0 50')
  server.expect('ms k 1 E1000 T50\r\na\r\n', 'HD\r\n')
  server.expect('ms k 1 C2000 I\r\nb\r\n', 'EX\r\n')
  server.expect('ms k 1 C900 I T5\r\nb\r\nmg k v t\r\n', 'HD\r\nVA 1 t50 X W\r\nb\r\n')
  server.expect(
    'ms k 1 E5000\r\nc\r\nms k 1 C5000 I T5\r\nd\r\nmg k v t\r\n',
    'HD\r\nHD\r\nVA 1 t5\r\nd\r\n',
  )
})

it('ms I over an item that somebody has won keeps that', () => {
  const server = withItem('0 20')
  server.expect('md k I E1000\r\nmg k\r\n', 'HD\r\nHD X W\r\n')
  server.expect('ms k 1 C900 I\r\nb\r\nmg k\r\n', 'HD\r\nHD Z X\r\n')
})

it('keys in base64', () => {
  const server = new DataServer()
  server.expect('ms Zm9v 1 b k\r\nx\r\n', 'HD kZm9v b\r\n')
  server.expect('mg foo k v\r\nget foo\r\n', 'VA 1 kZm9v b\r\nx\r\nVALUE foo 0 1\r\nx\r\nEND\r\n')
  server.expect('mg Zm9v b v\r\nmg YmFy b k\r\n', 'VA 1\r\nx\r\nEN kYmFy b\r\n')
  server.expect('set foo 0 0 1\r\ny\r\nmg Zm9v b k\r\n', 'STORED\r\nHD kfoo\r\n')
  server.expect('md Zm9v b k q\r\nmg foo\r\n', 'EN\r\n')
  const binary = Buffer.from([0, 1, 13, 10, 32, 255]).toString('base64')
  server.expect(
    `mg ${binary} b N30 k\r\nma ${binary}x b\r\n`,
    `HD k${binary} b W\r\nCLIENT_ERROR invalid or duplicate flag\r\n`,
  )
})

it('ma counts', () => {
  const server = new DataServer()
  server.expect('ma k\r\nma k J5 q\r\n', 'NF\r\nNF\r\n')
  server.expect('ma k N60 J5 v c t k O1\r\n', 'VA 1 c1 t60 kk O1\r\n5\r\n')
  server.expect('ma k v\r\nma k D10 v T-1 q\r\nma k D10 v\r\n', 'VA 1\r\n6\r\nNF\r\n')
  server.expect(
    'ma k N0 J9 v\r\nma k c t T30\r\nmg k v t\r\n',
    'VA 1\r\n9\r\nHD c5 t-1\r\nVA 2 t30\r\n10\r\n',
  )
  server.expect('ma k MD v\r\nma k M- D100 v\r\n', 'VA 1\r\n9\r\nVA 1\r\n0\r\n')
  server.expect('ma k C1 v\r\nma k E77 c C0 q v\r\nma k C77 v\r\n', 'EX\r\nVA 1\r\n2\r\n')
  server.expect(
    'ma k E18446744073709551615 c\r\nmg k c\r\n',
    'HD c18446744073709551615\r\nHD c18446744073709551615\r\n',
  )
  server.expect(
    'set k 0 0 1\r\nx\r\nma k q\r\n',
    'STORED\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\n',
  )
  assert.equal(server.count('incrementMisses'), 3)
  assert.equal(server.count('incrementHits'), 6)
  assert.equal(server.count('decrementHits'), 2)
})

it('me tells about an item', () => {
  const server = withItem('7 100')
  server.store.now += 3
  server.expect('me k\r\nme none\r\n', 'ME k exp=97 la=3 cas=1 fetch=no cls=1 size=67\r\nEN\r\n')
  server.send('get k\r\nms Zm9v 1 b\r\nx\r\n')
  server.expect('me k\r\n', 'ME k exp=97 la=0 cas=1 fetch=yes cls=1 size=67\r\n')
  server.expect(
    'me foo\r\nme Zm9v b x\r\n',
    'ME Zm9v exp=-1 la=0 cas=2 fetch=no cls=1 size=63\r\n'.repeat(2),
  )
  assert.equal(server.count('metaCommands'), 5)
})
