import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pause, until } from '../../support/deadline.ts'
import type { KubernetesObject, Outcome } from '../support/chart.ts'
import { helm } from '../support/chart.ts'
import { tools } from '../support/tools.ts'
import { Kubelet } from './kubelet.ts'

const SOURCES = resolve(import.meta.dirname, 'kube')
const CACHE = resolve(import.meta.dirname, '../../../node_modules/.cache/memc-kv-helm')
const START_MILLISECONDS = 90_000

/** The program, built when it is not there yet: seven minutes of two processors the first time, one later. */
export function kubeProgram(): string {
  const files = ['go.mod', 'go.sum', 'main.go'].map((name) => readFileSync(join(SOURCES, name)))
  const hash = files.reduce((sum, file) => sum.update(file), createHash('sha256')).digest('hex')
  const program = join(CACHE, `kube-${hash.slice(0, 16)}`)
  if (existsSync(program)) return program
  mkdirSync(CACHE, { recursive: true })
  const version = /k8s\.io\/kubernetes (v\S+)/.exec(String(files[0]))?.[1]
  const flags = `-s -w -X k8s.io/component-base/version.gitVersion=${version}`
  execFileSync('go', ['build', '-ldflags', flags, '-o', `${program}.new`, '.'], {
    cwd: SOURCES,
    stdio: 'inherit',
  })
  renameSync(`${program}.new`, program)
  return program
}

/** A control plane of its own: the real API server over the real etcd, with the controllers of main.go. */
export class Cluster {
  readonly #folder: string
  readonly #end: () => Promise<void>

  /** Where the node's agent would listen. */
  readonly kubeletPort: number

  private constructor(folder: string, kubeletPort: number, end: () => Promise<void>) {
    this.#folder = folder
    this.kubeletPort = kubeletPort
    this.#end = end
  }

  /** @param version as Kubernetes of that version would behave, for example 1.34 */
  static async start(version: string): Promise<Cluster> {
    const program = kubeProgram()
    const folder = mkdtempSync(join(CACHE, 'cluster-'))
    const child = spawn(program, [folder, `--emulated-version=${version}`, '--v=0'], {
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    let output = ''
    let errors = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    child.stderr.on('data', (chunk) => {
      errors += chunk
    })
    const exited = new Promise<void>((settle) => child.once('exit', () => settle()))
    await until(
      () => {
        assert.equal(child.exitCode, null, errors)
        return output.includes('ready\n')
      },
      () => errors.slice(-4000),
      START_MILLISECONDS,
    )
    const kubelet = await Kubelet.start(join(folder, 'certificates'))
    return new Cluster(folder, kubelet.port, async () => {
      kubelet.stop()
      child.stdin.end()
      await exited
      rmSync(folder, { recursive: true, force: true })
    })
  }

  stop(): Promise<void> {
    return this.#end()
  }

  run(program: string, parameters: readonly string[], input = ''): Promise<Outcome> {
    const kubeconfig = join(this.#folder, 'kubeconfig')
    // Helm keeps what it knows in the home folder, where the tester's own Helm has its.
    const environment = { PATH: process.env['PATH'], KUBECONFIG: kubeconfig, HOME: this.#folder }
    return helm(program, parameters, input, environment)
  }

  async kubectl(parameters: readonly string[], input = ''): Promise<string> {
    const { status, output, errors } = await this.run(tools().kubectl, parameters, input)
    assert.equal(status, 0, `kubectl ${parameters.join(' ')}: ${errors}`)
    assert.equal(errors, '', `kubectl ${parameters.join(' ')}`)
    return output
  }

  async get(kind: string, name: string, namespace: string): Promise<KubernetesObject> {
    const output = await this.kubectl(['get', kind, name, '-n', namespace, '-o', 'json'])
    return JSON.parse(output) as KubernetesObject
  }

  /** Names of everything in a namespace that can be listed, but events and what Kubernetes itself puts there. */
  async everythingIn(namespace: string): Promise<string[]> {
    const listed = await this.kubectl([
      'api-resources',
      '--verbs=list',
      '--namespaced',
      '-o',
      'name',
    ])
    // Endpoints only repeat what EndpointSlices say, with a warning.
    const kinds = listed.split('\n').filter((kind) => !/^(?:$|events|endpoints$)/.test(kind))
    const output = await this.kubectl([
      ...['get', kinds.join(','), '-n', namespace, '-o', 'name', '--ignore-not-found'],
    ])
    return output.split('\n').filter((name) => name !== '' && name !== 'serviceaccount/default')
  }

  /** A pod must be on the node to be resized, or to have a log. */
  async bind(pod: string, namespace: string): Promise<void> {
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: pod, namespace },
      target: { apiVersion: 'v1', kind: 'Node', name: 'node' },
    }
    await this.kubectl(
      ['create', '--raw', `/api/v1/namespaces/${namespace}/pods/${pod}/binding`, '-f', '-'],
      JSON.stringify(binding),
    )
  }

  /** Stands in for scheduler and nodes, while something runs: the pods of hooks have succeeded. */
  async succeeding<T>(work: Promise<T>): Promise<T> {
    const state = { going: true }
    const end = (): void => {
      state.going = false
    }
    work.then(end, end)
    const status = JSON.stringify({ status: { phase: 'Succeeded' } })
    const hooks = 'app.kubernetes.io/component in (test, resize)'
    while (state.going) {
      const output = await this.kubectl(['get', 'pods', '-A', '-l', hooks, '-o', 'json'])
      for (const { metadata, spec, status: now } of JSON.parse(output).items) {
        if (now.phase !== 'Pending' || metadata.deletionTimestamp !== undefined) continue
        const pod = ['pod', metadata.name, '-n', metadata.namespace]
        if (spec.nodeName === undefined) await this.bind(metadata.name, metadata.namespace)
        await this.kubectl(['patch', ...pod, '--subresource', 'status', '--patch', status])
      }
      await pause(200)
    }
    return await work
  }

  async create(...objects: readonly unknown[]): Promise<void> {
    for (const object of objects) await this.kubectl(['create', '-f', '-'], JSON.stringify(object))
  }
}
