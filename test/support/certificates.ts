import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Scope } from './server.ts'

/** A certificate and its key, as files. */
export interface Pair {
  readonly cert: string
  readonly key: string
}

export interface PairOptions {
  /** Subject alternative names, in OpenSSL's words. */
  readonly names?: string
  readonly days?: number
  /** Begins and ends that long ago. */
  readonly expired?: boolean
}

/** An authority of its own for a test, made by the openssl program in a folder that ends with the test. */
export class Authority {
  readonly folder: string
  /** The file of its certificate. */
  readonly file: string
  readonly #key: string

  constructor(scope: Scope) {
    this.folder = mkdtempSync(join(tmpdir(), 'memckv-tls-'))
    scope.after(async () => rmSync(this.folder, { recursive: true, force: true }))
    this.file = join(this.folder, 'ca.pem')
    this.#key = join(this.folder, 'ca.key')
    openssl(
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-days', '30', '-subj', '/CN=test authority', '-keyout', this.#key, '-out', this.file],
    )
  }

  /** A certificate for `commonName`, signed by this authority. */
  pair(commonName: string, options: PairOptions = {}): Pair {
    const { names = 'DNS:localhost,IP:127.0.0.1,IP:::1', days = 30, expired = false } = options
    const base = join(
      this.folder,
      `${commonName.replace(/\W/g, '-')}-${Math.random().toString(36).slice(2)}`,
    )
    const [key, request, cert] = [`${base}.key`, `${base}.csr`, `${base}.pem`]
    const extensions = `${base}.cnf`
    writeFileSync(extensions, `subjectAltName=${names}\n`)
    openssl(
      ...['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-subj', `/CN=${commonName}`, '-keyout', key, '-out', request],
    )
    const signed = [
      '-CA',
      this.file,
      '-CAkey',
      this.#key,
      '-CAcreateserial',
      '-extfile',
      extensions,
    ]
    const life = expired ? ['-days', '-1'] : ['-days', String(days)]
    openssl('x509', '-req', '-in', request, '-out', cert, ...signed, ...life)
    return { cert, key }
  }
}

export function openssl(...args: readonly string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** The flags of a server with TLS on its port. */
export function tlsFlags({ cert, key }: Pair, ...options: readonly string[]): string[] {
  return ['-Z', '-o', [`ssl_chain_cert=${cert}`, `ssl_key=${key}`, ...options].join(',')]
}
