import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { tools } from './tools.ts'

export const CHART = resolve(import.meta.dirname, '../../../helm/memc-kv')

/** The lowest version of Kubernetes that Chart.yaml allows, and the highest that is tested. */
export const KUBERNETES_LOWEST = '1.29.0'
export const KUBERNETES_HIGHEST = '1.37.0'

/** What is read without types: a test that names a field that is not there is to fail. */
// biome-ignore lint/suspicious/noExplicitAny: the types of Kubernetes would be a large dependency.
export type Untyped = any

/** An object of Kubernetes, as it was rendered. */
export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly spec: Untyped
  readonly data: Untyped
}

export interface RenderOptions {
  readonly values?: unknown
  /** Arguments of `helm template`, for what a values file cannot say. */
  readonly set?: readonly string[]
  readonly kubernetes?: string
  readonly helm?: string
  readonly release?: string
  readonly namespace?: string
}

export interface Outcome {
  readonly status: number | null
  readonly output: string
  readonly errors: string
}

/** Runs Helm, with values on standard input; a fault of its own is an outcome too. */
export function helm(
  program: string,
  parameters: readonly string[],
  input = '',
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Outcome> {
  return new Promise((settle, fail) => {
    const child = spawn(program, parameters, { env: environment })
    let output = ''
    let errors = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    child.stderr.on('data', (chunk) => {
      errors += chunk
    })
    child.once('error', fail)
    child.once('close', (status) => settle({ status, output, errors }))
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}

export function template(options: RenderOptions = {}): Promise<Outcome> {
  const program = options.helm ?? tools().helms.at(-1)!.path
  const parameters = [
    'template',
    options.release ?? 'memc-kv',
    CHART,
    '--namespace',
    options.namespace ?? 'cache',
    '--kube-version',
    options.kubernetes ?? KUBERNETES_HIGHEST,
    '--values',
    '-',
    ...(options.set ?? []),
  ]
  return helm(program, parameters, JSON.stringify(options.values ?? {}))
}

export async function render(options: RenderOptions = {}): Promise<KubernetesObject[]> {
  const { status, output, errors } = await template(options)
  assert.equal(status, 0, errors)
  return objectsOf(output)
}

export function objectsOf(text: string): KubernetesObject[] {
  return parseAllDocuments(text, { uniqueKeys: true })
    .map((document) => {
      assert.deepEqual(document.errors, [])
      return document.toJS() as KubernetesObject | null
    })
    .filter((object) => object !== null)
}

/** The error that Helm must end with. */
export async function refusal(options: RenderOptions): Promise<string> {
  const { status, errors } = await template(options)
  assert.notEqual(status, 0, 'the values were taken')
  return errors
}

export function find(
  objects: readonly KubernetesObject[],
  kind: string,
  name?: string,
): KubernetesObject {
  const found = objects.filter(
    (object) => object.kind === kind && (name === undefined || object.metadata.name === name),
  )
  assert.equal(found.length, 1, `${found.length} objects of kind ${kind} ${name ?? ''}`)
  return found[0]!
}

export interface Container {
  readonly name: string
  readonly image: string
  readonly command?: readonly string[]
  readonly args?: readonly string[]
  readonly env?: readonly {
    readonly name: string
    readonly value?: string
    readonly valueFrom?: Untyped
  }[]
  readonly resources: Untyped
  readonly securityContext: Untyped
  readonly ports: Untyped
  readonly lifecycle?: Untyped
  readonly startupProbe: Untyped
  readonly [probe: `${string}Probe`]: Untyped
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
}

/** Every template of pods among the objects, with the name of what makes them. */
export function podTemplates(objects: readonly KubernetesObject[]): {
  readonly owner: string
  readonly metadata: KubernetesObject['metadata']
  readonly spec: Untyped
}[] {
  return objects
    .filter((object) =>
      ['StatefulSet', 'Deployment', 'DaemonSet', 'Job', 'Pod'].includes(object.kind),
    )
    .map((object) => ({
      owner: `${object.kind} ${object.metadata.name}`,
      metadata: object.kind === 'Pod' ? object.metadata : object.spec.template.metadata,
      spec: object.kind === 'Pod' ? object.spec : object.spec.template.spec,
    }))
}

/** The file of the server's settings, which its pod carries as an annotation. */
export function serverFile(objects: readonly KubernetesObject[]): string {
  return find(objects, 'StatefulSet').spec.template.metadata.annotations['memc-kv/config.yaml']
}

/** The server's own container. */
export function server(objects: readonly KubernetesObject[]): Container {
  const { containers } = find(objects, 'StatefulSet').spec.template.spec
  return containers.find((container: Container) => container.name === 'memc-kv')
}
