import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pino } from 'pino'
import type { TlsMaterial } from '../../src/base/messages.ts'
import { Certificates } from '../../src/control/certificates.ts'
import { dataPortFiles } from '../../src/control/tls-files.ts'
import { loadMaterial } from '../../src/tls/material.ts'
import { load } from '../config/load-with.ts'
import type { Pair } from '../support/certificates.ts'
import { Authority, openssl } from '../support/certificates.ts'
import { until } from '../support/deadline.ts'
import { SuiteScope } from '../support/server.ts'

const scope = new SuiteScope()
const authority = new Authority(scope)
after(() => scope.close())

class Kept {
  readonly folder = mkdtempSync(join(authority.folder, 'kept-'))
  readonly delivered: TlsMaterial[] = []
  readonly certificates: Certificates

  /** @param meanwhile what happens between the first reading of the files and the start */
  constructor(pair: Pair, meanwhile: (kept: Kept) => void = () => {}) {
    this.put(pair)
    const [certFile, keyFile] = [join(this.folder, 'tls.crt'), join(this.folder, 'tls.key')]
    const files = dataPortFiles({ ...TLS, certFile, keyFile })
    const loaded = loadMaterial(files)
    meanwhile(this)
    this.certificates = new Certificates(
      {
        port: 'data',
        files,
        log: pino({ level: 'silent' }),
        deliver: (material) => this.delivered.push(material),
        onRefresh: () => {},
      },
      loaded,
    )
    this.certificates.start()
    scope.after(async () => this.certificates.stop())
  }

  put({ cert, key }: Pair): void {
    copyFileSync(cert, join(this.folder, 'tls.crt'))
    copyFileSync(key, join(this.folder, 'tls.key'))
  }
}

/** A pair whose certificate begins in an hour. */
function futurePair(name: string): Pair {
  const pair = authority.pair(name)
  const folder = mkdtempSync(join(authority.folder, 'future-'))
  const path = (file: string): string => join(folder, file)
  writeFileSync(path('index'), '')
  writeFileSync(path('serial'), '01\n')
  writeFileSync(
    path('ca.cnf'),
    `[ca]\ndefault_ca=one\n[one]\ndatabase=${path('index')}\nserial=${path('serial')}\n` +
      `new_certs_dir=${folder}\ndefault_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n`,
  )
  openssl('req', '-new', '-key', pair.key, '-subj', `/CN=${name}`, '-out', path('csr'))
  const stamp = (hours: number): string =>
    new Date(Date.now() + hours * 3_600_000).toISOString().replace(/[-:T]|\.\d+/g, '')
  openssl(
    ...['ca', '-batch', '-config', path('ca.cnf'), '-in', path('csr'), '-out', path('cert.pem')],
    ...['-cert', authority.file, '-keyfile', join(authority.folder, 'ca.key')],
    ...['-startdate', stamp(1), '-enddate', stamp(48)],
  )
  return { cert: path('cert.pem'), key: pair.key }
}

const TLS = (await load()).config.tls

test('a pair that was replaced between the first reading and the start is seen', async () => {
  const next = authority.pair('next')
  const kept = new Kept(authority.pair('first'), (self) => self.put(next))
  await until(
    async () => kept.delivered.length === 1,
    () => 'the new pair was not seen',
  )
})

test('refresh_certs reads the files once a second at most, and tells what came of it', () => {
  const kept = new Kept(authority.pair('one'))
  for (let call = 0; call < 100; call++) assert.equal(kept.certificates.refresh(), '')
  assert.ok(kept.delivered.length <= 2, `${kept.delivered.length} reloads`)
  kept.put({ cert: authority.pair('two').cert, key: authority.pair('three').key })
  assert.match(kept.certificates.reload('SIGHUP'), /is not the key/)
  assert.match(kept.certificates.refresh(), /is not the key/)
})

test('a change to a certificate that is not valid, while the present one is, is refused', () => {
  const kept = new Kept(authority.pair('valid'))
  kept.put(futurePair('future'))
  assert.match(kept.certificates.reload('test'), /tls\.crt: it is not valid before \d{4}-/)
  kept.put(authority.pair('past', { expired: true }))
  assert.match(kept.certificates.reload('test'), /tls\.crt: it expired at \d{4}-/)
  assert.equal(kept.certificates.figures.lastReloadOk, false)
  assert.deepEqual(kept.delivered, [])
})

test('where the present one is not valid either, one that will be is taken', () => {
  const kept = new Kept(futurePair('early'))
  kept.put(futurePair('later'))
  assert.equal(kept.certificates.reload('test'), '')
})
