import { createRequire } from 'node:module'
import type { Metric, Registry } from 'prom-client'
import type { Family, FamilyType, Sample } from './family.ts'
import type { Scrape } from './scrape.ts'

/**
 * prom-client's registry and nothing else of it: its front door also brings clients for clusters and
 * gateways, which pull in about 15 MiB of modules that nobody here would call.
 */
const RegistryClass = createRequire(import.meta.url)(
  'prom-client/lib/registry.js',
) as new () => Registry

/** What a registered metric answers with. */
export interface CollectedFamily {
  readonly name: string
  readonly type: FamilyType
  readonly help: string
  readonly values: readonly Sample[]
}

/**
 * The families as metrics of a registry of our own. prom-client's metrics are objects that remember
 * values; ours read them from shared memory when they are asked, which is all that a registry wants.
 */
export class FamilyRegistry {
  readonly #registry = new RegistryClass()
  #scrape: Scrape | null = null

  constructor(families: readonly Family[]) {
    for (const family of families) {
      this.#registry.registerMetric(this.#metricOf(family) as unknown as Metric)
    }
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** The whole page as Prometheus text. */
  text(scrape: Scrape): Promise<string> {
    return this.#collect(scrape, () => this.#registry.metrics())
  }

  async families(scrape: Scrape): Promise<CollectedFamily[]> {
    const collected: unknown = await this.#collect(scrape, () => this.#registry.getMetricsAsJSON())
    return collected as CollectedFamily[]
  }

  /** A registry asks all of its metrics before it waits for anything, so one scrape is enough. */
  #collect<Result>(scrape: Scrape, ask: () => Promise<Result>): Promise<Result> {
    this.#scrape = scrape
    try {
      return ask()
    } finally {
      this.#scrape = null
    }
  }

  #metricOf({ name, type, help, collect }: Family): object {
    const get = async (): Promise<CollectedFamily> => {
      if (this.#scrape === null) throw new Error(`${name} was asked outside of a scrape`)
      return { name, type, help, values: collect(this.#scrape) }
    }
    return { name, type, help, get }
  }
}
