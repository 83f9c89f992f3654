import type { KeyObject } from 'node:crypto'
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { stampNow } from '../base/followed-files.ts'
import type { TlsMaterial } from '../base/messages.ts'
import type { ContextSettings } from './contexts.ts'
import { createContext } from './contexts.ts'

/** A bundle of all public authorities has a quarter of this. */
const FILE_BYTES_MAX = 1024 * 1024

/** Two keys and a name of 16 bytes each: what Node wants of ticketKeys. */
const TICKET_KEYS_BYTES = 48

/** Files and the names of the settings that say where they are. */
export interface TlsFiles extends ContextSettings {
  readonly certFile: string
  /** '' the key lies in certFile. */
  readonly keyFile: string
  readonly keyFormat: 'pem' | 'der'
  readonly caFile: string
  /** `tls.certFile` and the like, for error lines. */
  readonly names: {
    readonly cert: string
    readonly key: string
    readonly ca: string
    readonly ciphers: string
  }
}

/** What the certificates say, for the log and for metrics. */
export interface CertificateFacts {
  readonly subject: string
  /** When the first certificate of the chain to end ends. */
  readonly notAfterMilliseconds: number
  /** From the beginning to the end of that certificate. */
  readonly lifeMilliseconds: number
  /** When the last certificate of the chain to begin begins. */
  readonly notBeforeMilliseconds: number
}

export interface LoadedMaterial {
  readonly material: TlsMaterial
  /** Of the files, from before they were read. */
  readonly stamp: string
  readonly facts: CertificateFacts
}

/** The files cannot be used. The message is one line and never holds anything of a key. */
export class TlsFileError extends Error {
  override readonly name = 'TlsFileError'
}

/** Read the files, and see that they can be used together before anybody depends on them. */
export function loadMaterial(files: TlsFiles): LoadedMaterial {
  const { names } = files
  const stamp = stampNow(pathsOf(files))
  const certText = readFile(names.cert, files.certFile).toString('latin1')
  const certificates = readCertificates(names.cert, files.certFile, certText)
  const keyName = files.keyFile === '' ? names.cert : names.key
  const keyPath = files.keyFile === '' ? files.certFile : files.keyFile
  const key = readKey(keyName, keyPath, files.keyFormat)
  const [own] = certificates
  if (own === undefined || !matches(own, key)) {
    throw new TlsFileError(
      `${keyName} ${keyPath}: it is not the key of the first certificate in ${names.cert} ${files.certFile}`,
    )
  }
  const ca = files.caFile === '' ? '' : readFile(names.ca, files.caFile).toString('latin1')
  if (ca !== '') readCertificates(names.ca, files.caFile, ca)
  const material: TlsMaterial = {
    cert: certificates.map((certificate) => certificate.toString()).join(''),
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    ca,
    ticketKeys: newTicketKeys(),
  }
  tryOut(files, material)
  return { material, stamp, facts: factsOf(certificates) }
}

/** Those that are there by their settings. */
export function pathsOf({ certFile, keyFile, caFile }: TlsFiles): string[] {
  return [certFile, keyFile, caFile].filter((path) => path !== '')
}

/** Sessions that were begun under earlier keys are not resumed. */
export function newTicketKeys(): Uint8Array {
  return new Uint8Array(randomBytes(TICKET_KEYS_BYTES))
}

function readFile(name: string, path: string): Buffer {
  try {
    if (statSync(path).size > FILE_BYTES_MAX) {
      throw new TlsFileError(`${name} ${path}: it has more than ${FILE_BYTES_MAX} bytes`)
    }
    return readFileSync(path)
  } catch (error) {
    if (error instanceof TlsFileError) throw error
    throw new TlsFileError(`${name} ${path}: it cannot be read (${codeOf(error)})`)
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

function readCertificates(name: string, path: string, text: string): X509Certificate[] {
  const blocks = text.match(CERTIFICATE) ?? []
  if (blocks.length === 0) throw new TlsFileError(`${name} ${path}: it holds no certificate in PEM`)
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block)
    } catch (error) {
      throw new TlsFileError(
        `${name} ${path}: certificate ${index + 1} in it cannot be read (${codeOf(error)})`,
      )
    }
  })
}

function readKey(name: string, path: string, format: 'pem' | 'der'): KeyObject {
  const bytes = readFile(name, path)
  if (format === 'der') return readDerKey(name, path, bytes)
  const text = bytes.toString('latin1')
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    throw new TlsFileError(`${name} ${path}: it holds no private key in PEM`)
  }
  if (/BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED/.test(text)) {
    throw new TlsFileError(
      `${name} ${path}: the key is encrypted; only one without a passphrase can be used`,
    )
  }
  try {
    return createPrivateKey(bytes)
  } catch (error) {
    throw new TlsFileError(`${name} ${path}: the key cannot be read (${codeOf(error)})`)
  }
}

/** DER does not say what it is. */
function readDerKey(name: string, path: string, key: Buffer): KeyObject {
  for (const type of ['pkcs8', 'sec1', 'pkcs1'] as const) {
    try {
      return createPrivateKey({ key, format: 'der', type })
    } catch {
      // One of the others, or none.
    }
  }
  throw new TlsFileError(`${name} ${path}: it holds no private key in DER without a passphrase`)
}

function matches(certificate: X509Certificate, key: KeyObject): boolean {
  try {
    return certificate.checkPrivateKey(key)
  } catch {
    // Not even of one kind.
    return false
  }
}

/** What is left to go wrong only OpenSSL knows: words in the list of ciphers, keys too short. */
function tryOut(files: TlsFiles, material: TlsMaterial): void {
  const { names } = files
  try {
    createContext(material, files, material.ca === '' ? 'none' : 'require')
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    const isCiphers = /cipher/i.test(`${codeOf(error)} ${detail}`)
    const place = isCiphers
      ? `${names.ciphers} ${files.ciphers}`
      : `${names.cert} ${files.certFile}`
    throw new TlsFileError(`${place}: OpenSSL refuses it (${detail})`)
  }
}

function factsOf(certificates: readonly X509Certificate[]): CertificateFacts {
  const [own] = certificates
  const spans = certificates.map(({ validFrom, validTo }) => ({
    begin: Date.parse(validFrom),
    end: Date.parse(validTo),
  }))
  const first = spans.reduce((one, other) => (other.end < one.end ? other : one))
  return {
    subject: (own?.subject ?? '').replaceAll('\n', ', '),
    notAfterMilliseconds: first.end,
    lifeMilliseconds: first.end - first.begin,
    notBeforeMilliseconds: Math.max(...spans.map(({ begin }) => begin)),
  }
}

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error) return String(error.code)
  return error instanceof Error ? error.message : String(error)
}
