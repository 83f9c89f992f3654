import type { SecureContext } from 'node:tls'
import type { TlsConfig, TlsVerify } from '../base/config.ts'
import type { TlsMaterial } from '../base/messages.ts'
import { createContext } from '../tls/contexts.ts'

/** The contexts that new connections get; those that are open keep what they began with. */
export class TlsContexts {
  readonly #config: TlsConfig
  readonly #made = new Map<TlsVerify, SecureContext>()
  #material: TlsMaterial
  /** Raised with each change, for those who keep something made from a context. */
  generation = 0

  constructor(config: TlsConfig, material: TlsMaterial) {
    this.#config = config
    this.#material = material
  }

  get material(): TlsMaterial {
    return this.#material
  }

  replace(material: TlsMaterial): void {
    this.#material = material
    this.#made.clear()
    this.generation++
  }

  get(verify: TlsVerify): SecureContext {
    const known = this.#made.get(verify)
    if (known !== undefined) return known
    const context = createContext(this.#material, this.#config, verify)
    this.#made.set(verify, context)
    return context
  }
}
