import assert from 'node:assert/strict'
import { it } from 'node:test'
import { DataServer } from './data-server.ts'

const TOO_LARGE = 'SERVER_ERROR object too large for cache\r\n'

function set(key: string, value: string): string {
  return `set ${key} 0 0 ${value.length}\r\n${value}\r\n`
}

function found(key: string, value: string): string {
  return `VALUE ${key} 0 ${value.length}\r\n${value}\r\nEND\r\n`
}

it('set, add, replace', () => {
  const server = new DataServer()
  server.expect('replace k 0 0 1\r\na\r\n', 'NOT_STORED\r\n')
  server.expect('add k 0 0 1\r\nb\r\n', 'STORED\r\n')
  server.expect('add k 0 0 1\r\nc\r\n', 'NOT_STORED\r\n')
  server.expect('get k\r\n', found('k', 'b'))
  server.expect('replace k 0 0 2\r\ndd\r\nset l 0 0 0\r\n\r\n', 'STORED\r\nSTORED\r\n')
  server.expect('get k l\r\n', 'VALUE k 0 2\r\ndd\r\nVALUE l 0 0\r\n\r\nEND\r\n')
})

it('cas', () => {
  const server = new DataServer()
  server.expect('cas k 0 0 1 1\r\na\r\n', 'NOT_FOUND\r\n')
  server.expect(set('k', 'a'), 'STORED\r\n')
  server.expect('gets k\r\n', 'VALUE k 0 1 1\r\na\r\nEND\r\n')
  server.expect('cas k 0 0 1 0\r\nb\r\ncas k 0 0 1 2\r\nb\r\n', 'EXISTS\r\nEXISTS\r\n')
  server.expect('cas k 0 0 1 1\r\nb\r\ncas k 0 0 1 1\r\nc\r\n', 'STORED\r\nEXISTS\r\n')
  server.expect('get k\r\n', found('k', 'b'))
  assert.deepEqual(
    [server.count('casMisses'), server.count('casHits'), server.count('casBadValue')],
    [1, 1, 3],
  )
})

it('without CAS every unique is 0 and cas always says EXISTS', () => {
  const server = new DataServer({ casEnabled: false })
  server.send(set('k', 'a'))
  server.expect('gets k\r\n', 'VALUE k 0 1 0\r\na\r\nEND\r\n')
  server.expect('cas k 0 0 1 0\r\nb\r\ncas k 0 0 1 1\r\nb\r\n', 'EXISTS\r\nEXISTS\r\n')
})

it('append and prepend keep flags and time', () => {
  const server = new DataServer()
  server.expect('append k 0 0 1\r\na\r\nprepend k 0 0 1\r\na\r\n', 'NOT_STORED\r\nNOT_STORED\r\n')
  server.expect('set k 5 100 1\r\nb\r\n', 'STORED\r\n')
  server.expect('append k 9 0 2\r\ncd\r\nprepend k 9 0 1\r\na\r\n', 'STORED\r\nSTORED\r\n')
  server.expect('mg k v f t\r\n', 'VA 4 f5 t100\r\nabcd\r\n')
})

it('append and prepend over the page size, from small and from large', () => {
  const server = new DataServer()
  const part = 'p'.repeat(5000)
  const large = 'l'.repeat(20000)
  server.send(set('k', part))
  server.expect(`append k 0 0 5000\r\n${part}\r\n`, 'STORED\r\n')
  server.expect('get k\r\n', found('k', part + part))
  server.expect(`prepend k 0 0 20000\r\n${large}\r\n`, 'STORED\r\n')
  server.expect('append k 0 0 1\r\nx\r\n', 'STORED\r\n')
  server.expect('get k\r\n', found('k', `${large}${part}${part}x`))
  server.expect(`ms new 20000 MA N100\r\n${large}\r\n`, 'HD\r\n')
  server.expect('mg new s t\r\n', 'HD s20000 t100\r\n')
  server.expect(`ms new 3 MP s\r\nabc\r\n`, 'HD s20003\r\n')
  assert.equal(server.store.check(), 0)
})

it('a result of append that is too large is not stored', () => {
  const server = new DataServer()
  const value = 'v'.repeat(600000)
  server.send(set('k', value))
  server.expect(`append k 0 0 600000\r\n${value}\r\n`, 'NOT_STORED\r\n')
  server.expect('mg k s\r\n', 'HD s600000\r\n')
})

it('noreply keeps silent, whatever happens', () => {
  const server = new DataServer()
  server.expect('set k 0 0 1 noreply\r\na\r\nadd k 0 0 1 noreply\r\nb\r\n', '')
  server.expect(
    'append k 0 0 1 noreply\r\nb\r\ncas k 0 0 1 1 noreply\r\nc\r\nget k\r\n',
    found('k', 'ab'),
  )
  server.expect('set k x 0 1 noreply\r\nc\r\nset k 0 0 1 noreply\r\nabc', '')
  server.expect(`set k 0 0 2000000 noreply\r\n${'x'.repeat(2000000)}\r\nmn\r\n`, 'MN\r\n')
})

it('large values, whole or in pieces, replace each other and small ones', () => {
  const server = new DataServer()
  for (const pieces of [65536, 1000, 8192]) {
    for (const length of [8191, 8192, 8193, 16384, 100000, 3]) {
      const value = String.fromCharCode(97 + (length % 26)).repeat(length)
      assert.equal(server.send(set('k', value), pieces), 'STORED\r\n')
      server.expect('get k\r\n', found('k', value))
    }
  }
  assert.equal(server.store.check(), 0)
})

it('a large value that is not wanted gives its pages back', () => {
  const server = new DataServer()
  const value = 'v'.repeat(50000)
  server.send(set('k', 'old'))
  assert.equal(server.send(`add k 0 0 50000\r\n${value}\r\n`), 'NOT_STORED\r\n')
  assert.equal(server.send(`add k 0 0 50000\r\n${value}\r\n`, 999), 'NOT_STORED\r\n')
  assert.equal(server.send(`replace none 0 0 50000\r\n${value}\r\n`, 999), 'NOT_STORED\r\n')
  assert.equal(server.send(`cas k 0 0 50000 77\r\n${value}\r\n`, 999), 'EXISTS\r\n')
  assert.equal(server.send(`set k 0 0 50000\r\n${value}xx`, 999), 'CLIENT_ERROR bad data chunk\r\n')
  assert.equal(server.send(`set k 0 0 50000\r\n${value}xx`), 'CLIENT_ERROR bad data chunk\r\n')
  server.expect('get k\r\n', found('k', 'old'))
  assert.equal(server.store.check(), 0)
})

it('a value that is too large is swallowed, and removes the old one for set and ms', () => {
  const server = new DataServer()
  const data = `${'v'.repeat(1048600)}\r\n`
  for (const word of ['add', 'replace', 'append', 'prepend', 'cas', 'set']) {
    server.send(set('k', 'old'))
    const unique = word === 'cas' ? ' 1' : ''
    server.expect(`${word} k 0 0 1048600${unique}\r\n${data}`, TOO_LARGE)
    server.expect('get k\r\n', word === 'set' ? 'END\r\n' : found('k', 'old'))
  }
  for (const mode of ['E', 'S', 'A']) {
    server.send(set('k', 'old'))
    server.expect(`ms k 1048600 q M${mode}\r\n${data}`, TOO_LARGE)
    server.expect('get k\r\n', 'END\r\n')
  }
  assert.equal(server.count('storeTooLarge'), 9)
})

it('bad data takes exactly its length and two bytes', () => {
  const server = new DataServer()
  server.expect(
    'set k 0 0 3\r\nabcd\r\nmn\r\n',
    'CLIENT_ERROR bad data chunk\r\nCLIENT_ERROR bad command line format\r\nMN\r\n',
  )
  server.expect('set k 0 0 3\r\nabxxxmn\r\n', 'CLIENT_ERROR bad data chunk\r\nMN\r\n')
  server.expect('get k\r\n', 'END\r\n')
})

it('with evictions off and memory full: out of memory, and no stale data', () => {
  const server = new DataServer({ evict: false, memoryBytes: 4 * 1024 * 1024 })
  const value = 'v'.repeat(1000)
  let stored = 0
  while (server.send(set(`key${stored}`, value)) === 'STORED\r\n') stored++
  assert.ok(stored > 2000, `${stored} items fit`)
  const refused = 'SERVER_ERROR out of memory storing object\r\n'
  server.expect(set('another', value), refused)
  server.expect(`ms another 1000\r\n${value}\r\n`, refused)
  const large = 'l'.repeat(200000)
  server.expect(`set key1 0 0 200000\r\n${large}\r\n`, refused)
  assert.equal(server.send(`set key2 0 0 200000\r\n${large}\r\n`, 5000), refused)
  server.expect('get key1 key2\r\n', 'END\r\n')
  assert.ok(server.count('storeNoMemory') >= 5)
  // By class they are as many: alerts look at those.
  const { classes } = server.context.store.figures()
  const byClass = classes.reduce((sum, { outOfMemory }) => sum + outOfMemory, 0)
  assert.equal(byClass, server.count('storeNoMemory'))
})

it('counts every accepted command, whatever came of it', () => {
  const server = new DataServer()
  server.send(
    'set a 0 0 1\r\nx\r\nadd a 0 0 1\r\nx\r\nreplace b 0 0 1\r\nx\r\ncas c 0 0 1 1\r\nx\r\n',
  )
  server.send('append a 0 0 1\r\nx\r\nprepend b 0 0 1\r\nx\r\nms a 1\r\nx\r\nset a 0 0 1\r\nxyz')
  assert.equal(server.count('setCommands'), 8)
  assert.equal(server.countOfClass(1, 'setCommands'), 8)
  server.send('set a x 0 1\r\nx\r\nset a 0 0 2000000\r\n')
  assert.equal(server.count('setCommands'), 8)
})

it('watchers are told of look-ups and stores', () => {
  const server = new DataServer()
  server.context.watchMask = 31
  server.send('set a 0 0 1\r\nx\r\n')
  assert.equal(server.count('watchWritten'), 2)
  server.send(`append a 0 0 9000\r\n${'x'.repeat(9000)}\r\n`)
  assert.equal(server.count('watchWritten'), 4)
  server.send('delete a\r\nget a\r\n')
  assert.equal(server.count('watchWritten'), 7)
})

it('append over a page starts over when another worker changes the item meanwhile', () => {
  for (const [old, changed] of [
    ['o'.repeat(9000), 'n'.repeat(9000)],
    ['o'.repeat(5000), 'n'.repeat(5000)],
    ['o'.repeat(5000), 'n'.repeat(9000)],
    ['o'.repeat(9000), 'n'],
  ] as const) {
    const server = new DataServer()
    const other = new DataServer({ memory: server.memory })
    server.send(set('k', old))
    const { store } = server
    const lockForWrite = store.lockForWrite.bind(store)
    let calls = 0
    store.lockForWrite = (hash, bytes) => {
      // The first is the look at the old item, the second comes when the pages are filled.
      calls++
      if (calls === 2) other.expect(set('k', changed), 'STORED\r\n')
      return lockForWrite(hash, bytes)
    }
    const part = 'p'.repeat(6000)
    server.expect(`append k 0 0 6000\r\n${part}\r\n`, 'STORED\r\n')
    assert.ok(calls >= 4, 'there was another round')
    server.expect('get k\r\n', found('k', changed + part))
    assert.equal(server.store.check(), 0)
  }
})

it('append with a CAS value over a page fails when the same bytes were stored anew meanwhile', () => {
  const server = new DataServer()
  const other = new DataServer({ memory: server.memory })
  const { store } = server
  const old = 'o'.repeat(5000)
  server.send(set('k', old))
  const cas = /c(\d+)/.exec(server.send('mg k c\r\n'))?.[1]
  const lockForWrite = store.lockForWrite.bind(store)
  let calls = 0
  store.lockForWrite = (hash, bytes) => {
    calls++
    if (calls === 2) other.expect(set('k', old), 'STORED\r\n')
    return lockForWrite(hash, bytes)
  }
  server.expect(`ms k 6000 MA C${cas}\r\n${'p'.repeat(6000)}\r\n`, 'EX\r\n')
  server.expect('get k\r\n', found('k', old))
  assert.ok(calls >= 3, 'there was another round')
  assert.equal(server.store.check(), 0)
})

it('append over a page that always loses ends with an error, and changes nothing', () => {
  const server = new DataServer()
  const other = new DataServer({ memory: server.memory })
  const { store } = server
  server.send(set('k', 'o'.repeat(9000)))
  const lockForWrite = store.lockForWrite.bind(store)
  let calls = 0
  store.lockForWrite = (hash, bytes) => {
    calls++
    if (calls % 2 === 0) other.expect(set('k', `${calls}`.padStart(9000, 'n')), 'STORED\r\n')
    return lockForWrite(hash, bytes)
  }
  const before = server.count('storeNoMemory')
  server.expect(
    `append k 0 0 6000\r\n${'p'.repeat(6000)}\r\n`,
    'SERVER_ERROR out of memory storing object\r\n',
  )
  assert.equal(server.count('storeNoMemory'), before + 1)
  server.expect('get k\r\n', found('k', `${calls}`.padStart(9000, 'n')))
  assert.equal(server.store.check(), 0)
})

it('append to an item that is gone when the pages are filled is not stored', () => {
  const server = new DataServer()
  const other = new DataServer({ memory: server.memory })
  const { store } = server
  server.send(set('k', 'o'.repeat(9000)))
  const lockForWrite = store.lockForWrite.bind(store)
  let calls = 0
  store.lockForWrite = (hash, bytes) => {
    calls++
    if (calls === 2) other.expect('delete k\r\n', 'DELETED\r\n')
    return lockForWrite(hash, bytes)
  }
  server.expect('append k 0 0 1\r\nx\r\nget k\r\n', 'NOT_STORED\r\nEND\r\n')
  assert.equal(server.store.check(), 0)
})

it('a slow client gets a large value as it was when asked', () => {
  const server = new DataServer()
  const other = new DataServer({ memory: server.memory })
  const old = 'o'.repeat(300000)
  server.send(set('k', old))
  const flush = server.flush.bind(server)
  let changes = 0
  server.flush = () => {
    if (changes++ === 2)
      other.expect(`delete k\r\n${set('k', 'n'.repeat(300000))}`, 'DELETED\r\nSTORED\r\n')
    flush()
  }
  server.expect('get k\r\n', found('k', old))
  assert.ok(changes > 2)
  server.expect('get k\r\n', found('k', 'n'.repeat(300000)))
  assert.equal(server.store.check(), 0)
})
