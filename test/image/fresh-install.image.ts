import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { promisify } from 'node:util'
import { ROOT } from '../repo/repository.ts'
import { until } from '../support/deadline.ts'
import { launch, Server } from '../support/server.ts'

/**
 * What an operator gets: the packages of production, of which nothing has run, in a folder that has
 * nothing else. Packages come from npm's cache where it has them.
 */
suite('a fresh installation, without development and without scripts', () => {
  const folder = mkdtempSync(join(tmpdir(), 'memckv-fresh-'))
  const main = join(folder, 'src/main.ts')

  before(async () => {
    for (const name of ['package.json', 'package-lock.json', '.npmrc', 'src']) {
      cpSync(join(ROOT, name), join(folder, name), { recursive: true })
    }
    const words = ['ci', '--ignore-scripts', '--omit=dev', '--omit=optional', '--prefer-offline']
    await promisify(execFile)('npm', words, { cwd: folder })
  })

  after(() => rmSync(folder, { recursive: true, force: true }))

  test('serves clients, metrics and traces, with settings from a file', async (context) => {
    const paths: string[] = []
    const collector = createServer((request, response) => {
      request.resume().on('end', () => response.end())
      paths.push(request.url ?? '')
    }).listen(0, '127.0.0.1')
    await once(collector, 'listening')
    const { port } = collector.address() as AddressInfo
    context.after(() => {
      collector.close()
      collector.closeAllConnections()
    })
    writeFileSync(join(folder, 'settings.yaml'), 'memory:\n  limit: 32mb\n')
    const server = await Server.start(context, {
      main,
      sidecar: true,
      flags: ['-t', '1', '--config', join(folder, 'settings.yaml')],
      environment: {
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
        OTEL_TRACES_SAMPLER: 'always_on',
        OTEL_BSP_SCHEDULE_DELAY: '50',
      },
    })
    const client = await server.connect(context)
    client.send('set greeting 0 0 5\r\nhello\r\nget greeting\r\n')
    await client.expect('STORED\r\nVALUE greeting 0 5\r\nhello\r\nEND\r\n')
    const metrics = await (await fetch(`${server.sidecar}/metrics`)).text()
    assert.match(metrics, /^memcached_limit_bytes 33554432$/m)
    await until(
      () => paths.includes('/v1/traces'),
      () => server.output(),
    )
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
  })

  test('writes its log for people, too', async (context) => {
    const server = launch(context, { main, environment: { MEMCKV_LOG_FORMAT: 'pretty' } })
    await until(
      () => /INFO.* ready$/m.test(server.output()),
      () => server.output(),
    )
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
  })
})
