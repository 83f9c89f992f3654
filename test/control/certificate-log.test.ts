import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Authority, tlsFlags } from '../support/certificates.ts'
import { Run } from './run-main.ts'

test('a certificate that is new raises no warning, however short it lives', async (context) => {
  const authority = new Authority(context)
  const start = async (days: number): Promise<Run> => {
    const argv = ['-l', '127.0.0.1', '-p', '-1', '-t', '1']
    const pair = authority.pair('server', { days })
    const run = new Run(context, { argv: [...argv, ...tlsFlags(pair)] })
    await run.line('ready')
    return run
  }
  const [short, long] = await Promise.all([start(4), start(30)])
  for (const run of [short, long]) {
    const lines = run.lines().filter(({ msg }) => msg.startsWith('certificate'))
    assert.deepEqual(
      lines.map(({ level, msg }) => [level, msg]),
      [['info', 'certificate']],
    )
  }
})
