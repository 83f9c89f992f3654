import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { TlsFiles } from '../../src/tls/material.ts'
import { loadMaterial, TlsFileError } from '../../src/tls/material.ts'
import { certificateNames } from '../../src/tls/peer-certificate.ts'
import { Authority, openssl } from '../support/certificates.ts'
import { SuiteScope } from '../support/server.ts'

const scope = new SuiteScope()
const authority = new Authority(scope)
const pair = authority.pair('server', {
  names: 'DNS:app.svc,URI:spiffe://cluster/ns/a,email:a@b.c,IP:10.0.0.1',
})
after(() => scope.close())

function files(changes: Partial<TlsFiles> = {}): TlsFiles {
  return {
    ...{ certFile: pair.cert, keyFile: pair.key, keyFormat: 'pem', caFile: '' },
    ...{ ciphers: '', minVersion: 'tlsv1.2', sessionTickets: true },
    names: { cert: 'tls.certFile', key: 'tls.keyFile', ca: 'tls.caFile', ciphers: 'tls.ciphers' },
    ...changes,
  }
}

function file(name: string, content: string | Buffer): string {
  const path = join(authority.folder, name)
  writeFileSync(path, content)
  return path
}

function refused(changes: Partial<TlsFiles>, message: RegExp): void {
  assert.throws(
    () => loadMaterial(files(changes)),
    (error) => {
      assert.ok(error instanceof TlsFileError)
      assert.match(error.message, message)
      assert.doesNotMatch(error.message, /\n|PRIVATE KEY/)
      return true
    },
  )
}

test('a pair is loaded, with what its certificate says', () => {
  const { material, facts } = loadMaterial(files({ caFile: authority.file }))
  assert.equal(facts.subject, 'CN=server')
  assert.ok(facts.notAfterMilliseconds > Date.now() + 20 * 86_400_000)
  assert.equal(material.ticketKeys.length, 48)
})

test('of a chain, the certificate that ends first says how long there is and was', () => {
  const short = authority.pair('server', { days: 4 })
  const day = 86_400_000
  assert.equal(loadMaterial(files()).facts.lifeMilliseconds, 30 * day)
  const chain = file('chain.pem', `${readFileSync(short.cert)}${readFileSync(authority.file)}`)
  const { facts } = loadMaterial(files({ certFile: chain, keyFile: short.key }))
  assert.equal(facts.lifeMilliseconds, 4 * day)
  assert.ok(facts.notAfterMilliseconds < Date.now() + 5 * day)
})

test('key and certificate may lie in one file, and the key may be DER', () => {
  const both = file('both.pem', `${readFileSync(pair.cert)}${readFileSync(pair.key)}`)
  const { material } = loadMaterial(files({ certFile: both, keyFile: '' }))
  const der = join(authority.folder, 'key.der')
  openssl('pkcs8', '-topk8', '-nocrypt', '-in', pair.key, '-outform', 'DER', '-out', der)
  assert.equal(loadMaterial(files({ keyFile: der, keyFormat: 'der' })).material.key, material.key)
  const sec1 = join(authority.folder, 'sec1.der')
  openssl('ec', '-in', pair.key, '-outform', 'DER', '-out', sec1)
  assert.equal(loadMaterial(files({ keyFile: sec1, keyFormat: 'der' })).material.key, material.key)
})

test('files that are not there, not readable or something else are refused', () => {
  refused({ certFile: '/nowhere/c' }, /^tls\.certFile \/nowhere\/c: it cannot be read \(ENOENT\)$/)
  refused({ keyFile: '/nowhere/k' }, /^tls\.keyFile \/nowhere\/k: it cannot be read \(ENOENT\)$/)
  refused({ caFile: authority.folder }, /^tls\.caFile .*: it cannot be read \(EISDIR\)$/)
  refused({ certFile: pair.key }, /^tls\.certFile .*: it holds no certificate in PEM$/)
  refused({ keyFile: pair.cert }, /^tls\.keyFile .*: it holds no private key in PEM$/)
  refused({ caFile: pair.key }, /^tls\.caFile .*: it holds no certificate in PEM$/)
  refused({ keyFormat: 'der' }, /^tls\.keyFile .*: it holds no private key in DER/)
  const cut = file(
    'cut.pem',
    readFileSync(pair.cert, 'utf8').replace(/.{20}\n-----END/, '\n-----END'),
  )
  refused({ certFile: cut }, /^tls\.certFile .*: certificate 1 in it cannot be read/)
  refused({ certFile: file('large', Buffer.alloc(2 ** 20 + 1)) }, /more than 1048576 bytes$/)
})

test('a key of another certificate is refused', () => {
  const { key } = authority.pair('other')
  refused(
    { keyFile: key },
    /^tls\.keyFile .*: it is not the key of the first certificate in tls\.certFile/,
  )
  const rsa = join(authority.folder, 'rsa.key')
  openssl('genrsa', '-out', rsa, '2048')
  refused({ keyFile: rsa }, /^tls\.keyFile .*: it is not the key of the first certificate/)
})

test('a key with a passphrase is refused', () => {
  const locked = join(authority.folder, 'locked.key')
  openssl('pkcs8', '-topk8', '-in', pair.key, '-passout', 'pass:secret', '-out', locked)
  refused({ keyFile: locked }, /^tls\.keyFile .*: the key is encrypted/)
})

test('ciphers that OpenSSL does not know are refused', () => {
  refused({ ciphers: 'NO-SUCH-CIPHER' }, /^tls\.ciphers NO-SUCH-CIPHER: OpenSSL refuses it/)
})

test('a certificate names whom it is for', () => {
  const der = Buffer.from(
    readFileSync(pair.cert, 'latin1').replace(/-----[^-]+-----/g, ''),
    'base64',
  )
  assert.deepEqual(certificateNames(der), {
    commonName: 'server',
    names: ['DNS:app.svc', 'URI:spiffe://cluster/ns/a', 'email:a@b.c', 'IP Address:10.0.0.1'],
  })
})

test('a name that holds what looks like another stays one name', () => {
  const names = '@alt\n[alt]\nDNS.1=a.b\nURI.1=http://a/x, DNS:admin'
  const { cert } = authority.pair('x', { names })
  const der = Buffer.from(readFileSync(cert, 'latin1').replace(/-----[^-]+-----/g, ''), 'base64')
  assert.deepEqual(certificateNames(der).names, ['DNS:a.b', 'URI:"http://a/x\\u002c DNS:admin"'])
})
