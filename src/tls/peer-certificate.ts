import { X509Certificate } from 'node:crypto'

/** Whom a certificate names, for deciding what its owner may do. */
export interface CertificateNames {
  readonly commonName: string
  readonly names: readonly string[]
}

/** One of the names that Node prints in a row; in quotes where it holds what would end it. */
const NAME = /[A-Za-z ]+:(?:"(?:[^"\\]|\\.)*"|[^,]*)/g

export function certificateNames(der: Buffer): CertificateNames {
  const certificate = new X509Certificate(der)
  const { CN } = certificate.toLegacyObject().subject as { CN?: string | string[] }
  return {
    // Of several, the first, as memcached takes it.
    commonName: Array.isArray(CN) ? (CN[0] ?? '') : (CN ?? ''),
    names: (certificate.subjectAltName ?? '').match(NAME)?.map((name) => name.trim()) ?? [],
  }
}

/**
 * Whether its time is over. OpenSSL looks at that in a full handshake; a session that is resumed brings
 * the certificate along as it was when the session began.
 */
export function hasExpired(der: Buffer, now: number): boolean {
  return Date.parse(new X509Certificate(der).validTo) < now
}
