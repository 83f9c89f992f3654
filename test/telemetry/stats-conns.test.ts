import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectionsStats } from '../../src/telemetry/stats-conns.ts'

test('connections are listed by number, listeners without a listen_addr', () => {
  const connections = [
    {
      number: 12,
      address: 'tcp:127.0.0.1:42420',
      listenAddress: 'tcp:127.0.0.1:6001',
      state: 'conn_parse_cmd',
      secondsSinceLastCommand: 0,
    },
    {
      number: 3,
      address: 'tcp:127.0.0.1:6001',
      listenAddress: '',
      state: 'conn_listening',
      secondsSinceLastCommand: 7,
    },
  ]
  assert.equal(
    connectionsStats(connections),
    'STAT 3:addr tcp:127.0.0.1:6001\r\n' +
      'STAT 3:state conn_listening\r\n' +
      'STAT 3:secs_since_last_cmd 7\r\n' +
      'STAT 12:addr tcp:127.0.0.1:42420\r\n' +
      'STAT 12:listen_addr tcp:127.0.0.1:6001\r\n' +
      'STAT 12:state conn_parse_cmd\r\n' +
      'STAT 12:secs_since_last_cmd 0\r\n' +
      'END\r\n',
  )
})
