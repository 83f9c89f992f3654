import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { until } from '../../support/deadline.ts'
import type { Scope } from '../../support/server.ts'

export interface Job {
  readonly name: string
  /** Base of a sidecar's addresses. */
  readonly target: string
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface RuleState {
  readonly name: string
  readonly type: 'alerting' | 'recording'
  readonly query: string
  readonly health: string
  readonly lastError?: string
  readonly alerts?: readonly {
    readonly state: 'pending' | 'firing'
    readonly labels: Readonly<Record<string, string>>
  }[]
}

export interface ExemplarSeries {
  readonly seriesLabels: Readonly<Record<string, string>>
  readonly exemplars: readonly {
    readonly labels: Readonly<Record<string, string>>
    readonly value: string
  }[]
}

/** What docs/observability.md says that a plain configuration needs besides. */
const LABELS = { namespace: 'default' }
const START_MILLISECONDS = 30_000
const STOP_MILLISECONDS = 5000

/** Debian's Prometheus, scraping and evaluating once a second, on a port and in a folder of its own. */
export class Prometheus {
  readonly #child: ChildProcess
  readonly #folder: string
  readonly #exited: Promise<void>
  #log = ''
  #base = ''

  constructor(jobs: readonly Job[], rules: string) {
    this.#folder = mkdtempSync(join(tmpdir(), 'memckv-prometheus-'))
    const configuration = join(this.#folder, 'prometheus.yml')
    writeFileSync(configuration, configured(jobs, rules))
    const flags = [
      `--config.file=${configuration}`,
      `--storage.tsdb.path=${join(this.#folder, 'data')}`,
      '--web.listen-address=127.0.0.1:0',
      '--enable-feature=exemplar-storage',
      '--log.format=json',
    ]
    this.#child = spawn('prometheus', flags, { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#log += chunk.toString('utf8')
      })
    }
    this.#exited = new Promise((settle) => {
      this.#child.once('exit', () => settle())
      this.#child.once('error', (error) => {
        this.#log += String(error)
        settle()
      })
    })
  }

  static async start(scope: Scope, jobs: readonly Job[], rules: string): Promise<Prometheus> {
    const prometheus = new Prometheus(jobs, rules)
    scope.after(() => prometheus.#stop())
    prometheus.#base = await until(
      () => prometheus.#address(),
      () => `Prometheus did not start:\n${prometheus.#log}`,
      START_MILLISECONDS,
    )
    return prometheus
  }

  /** The instant value of a query: one sample for each series, and one without labels for a scalar. */
  async query(query: string): Promise<Sample[]> {
    const data = (await this.ask('query', { query })) as
      | { resultType: 'vector'; result: { metric: Sample['labels']; value: [number, string] }[] }
      | { resultType: 'scalar'; result: [number, string] }
    if (data.resultType === 'scalar') return [{ labels: {}, value: numberOf(data.result[1]) }]
    return data.result.map(({ metric, value }) => ({ labels: metric, value: numberOf(value[1]) }))
  }

  /** The value of a query that has one series. */
  async value(query: string): Promise<number> {
    const samples = await this.query(query)
    assert.equal(samples.length, 1, `${query}: ${JSON.stringify(samples)}`)
    return samples[0]?.value ?? Number.NaN
  }

  async rules(): Promise<RuleState[]> {
    const { groups } = (await this.ask('rules')) as { groups: { rules: RuleState[] }[] }
    return groups.flatMap((group) => group.rules)
  }

  async exemplars(query: string): Promise<ExemplarSeries[]> {
    const [start, end] = [Date.now() / 1000 - 3600, Date.now() / 1000 + 60].map(String)
    return (await this.ask('query_exemplars', { query, start, end })) as ExemplarSeries[]
  }

  /** One question to the HTTP interface: the `data` of its answer. */
  async ask(
    path: string,
    parameters: Readonly<Record<string, string | undefined>> = {},
  ): Promise<unknown> {
    const url = new URL(`${this.#base}/api/v1/${path}`)
    for (const [name, value] of Object.entries(parameters)) {
      if (value !== undefined) url.searchParams.set(name, value)
    }
    const response = await fetch(url)
    const answer = (await response.json()) as { status: string; error?: string; data: unknown }
    assert.equal(answer.status, 'success', `${url.search}: ${answer.error}`)
    return answer.data
  }

  #address(): string | null {
    assert.equal(this.#child.exitCode, null, `Prometheus ended:\n${this.#log}`)
    if (!this.#log.includes('Server is ready to receive web requests')) return null
    for (const line of this.#log.split('\n')) {
      if (!line.includes('"Listening on"')) continue
      return `http://${(JSON.parse(line) as { address: string }).address}`
    }
    return null
  }

  async #stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MILLISECONDS)
    await this.#exited
    clearTimeout(kill)
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

function configured(jobs: readonly Job[], rules: string): string {
  return stringify({
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: [rules],
    scrape_configs: jobs.map(({ name, target }) => ({
      job_name: name,
      static_configs: [{ targets: [new URL(target).host], labels: LABELS }],
    })),
  })
}

function numberOf(text: string): number {
  return text.endsWith('Inf') ? Number(text.replace('Inf', 'Infinity')) : Number(text)
}
