import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { read } from '../../repo/repository.ts'
import { Server } from '../../support/server.ts'
import type { Container, KubernetesObject, Untyped } from './chart.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
const CACHE = join(ROOT, 'node_modules/.cache/memc-kv-helm')

/** What an image would be made of: the server in dist/ with package.json beside it, where packages are found. */
export class Image {
  readonly folder: string

  constructor() {
    mkdirSync(CACHE, { recursive: true })
    this.folder = mkdtempSync(join(CACHE, 'image-'))
    copyFileSync(join(ROOT, 'package.json'), join(this.folder, 'package.json'))
    const { status, stderr } = spawnSync(
      'npm',
      ['run', 'bundle', '--', 'src/main.ts', `--outdir=${join(this.folder, 'dist')}`],
      { cwd: ROOT, encoding: 'utf8' },
    )
    assert.equal(status, 0, stderr)
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** The Dockerfile's own variables and command. */
  get environment(): Record<string, string> {
    const lines = [...read('Dockerfile').matchAll(/^ENV (\w+)=(.*)$/gm)]
    return Object.fromEntries(lines.map(([, name = '', value = '']) => [name, value]))
  }

  get entryPoint(): string[] {
    const words: unknown = JSON.parse(/^ENTRYPOINT (\[.*\])$/m.exec(read('Dockerfile'))?.[1] ?? '')
    assert.ok(Array.isArray(words))
    return words.map((word) => (word === 'node' ? process.execPath : String(word)))
  }
}

/**
 * A container as kubelet would start it: the image's command unless the pod has one, the pod's
 * arguments, the image's variables and the pod's and no others, and the mounted files. Only the paths
 * of the mounts lie in a folder of the test, and words can be replaced, for ports that are free.
 */
export class PodProcess {
  readonly folder: string
  readonly #image: Image
  readonly #objects: readonly KubernetesObject[]
  readonly #spec: Untyped
  readonly #annotations: Readonly<Record<string, string>>

  /** @param pod what makes it: the template of a controller, or the Pod itself */
  constructor(
    image: Image,
    objects: readonly KubernetesObject[],
    pod: Pick<KubernetesObject, 'metadata' | 'spec'>,
  ) {
    this.#image = image
    this.#objects = objects
    this.#spec = pod.spec
    this.#annotations = pod.metadata.annotations ?? {}
    this.folder = mkdtempSync(join(image.folder, 'pod-'))
  }

  /** Every file of the container's mounts, from the ConfigMaps and Secrets that were rendered. */
  mount(container: Container): void {
    for (const { name, mountPath } of container.volumeMounts ?? []) {
      const volume = this.#spec.volumes.find((one: Untyped) => one.name === name)
      for (const [path, text] of this.#filesOf(volume)) {
        const file = join(this.folder, mountPath, path)
        mkdirSync(dirname(file), { recursive: true })
        // What one file says of another is a path too.
        writeFileSync(file, this.#moved(text), { mode: 0o440 })
      }
    }
  }

  start(container: Container, overlay: Readonly<Record<string, string>> = {}): Server {
    this.mount(container)
    const [program = '', ...rest] = container.command ?? this.#image.entryPoint
    const words = [...rest, ...(container.args ?? [])].map((word) => this.#moved(word))
    return new Server(
      spawn(program === 'node' ? process.execPath : program, words, {
        cwd: this.#image.folder,
        env: {
          PATH: process.env['PATH'],
          ...this.#image.environment,
          ...this.environment(container),
          ...overlay,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    )
  }

  environment(container: Container): Record<string, string> {
    const variables: Record<string, string> = {}
    for (const { name, value, valueFrom } of container.env ?? []) {
      variables[name] = (value ?? this.#valueOf(name, valueFrom)).replace(
        /\$\((\w+)\)/g,
        (whole, other: string) => variables[other] ?? whole,
      )
    }
    return variables
  }

  #valueOf(name: string, from: Untyped): string {
    const { configMapKeyRef: key } = from
    if (key === undefined) return `the ${name}`
    const map = this.#objects.find(
      (object) => object.kind === 'ConfigMap' && object.metadata.name === key.name,
    )
    const value: unknown = map?.data[key.key]
    assert.ok(typeof value === 'string', `ConfigMap ${key.name} has no ${key.key}`)
    return value
  }

  /** Only annotations are asked for. */
  #downward(item: Untyped): [path: string, text: string] {
    const [, name = ''] = /^metadata\.annotations\['(.*)'\]$/.exec(item.fieldRef.fieldPath) ?? []
    const text = this.#annotations[name]
    assert.ok(text !== undefined, `the pod has no annotation ${name}`)
    return [item.path, text]
  }

  #moved(text: string): string {
    return text.replaceAll('/etc/memc-kv', join(this.folder, '/etc/memc-kv'))
  }

  #filesOf(volume: Untyped): [path: string, text: string][] {
    if (volume.downwardAPI !== undefined) {
      return volume.downwardAPI.items.map((item: Untyped) => this.#downward(item))
    }
    if (volume.projected !== undefined) {
      return volume.projected.sources.flatMap((source: Untyped) =>
        this.#filesOf({ secret: { ...source.secret, secretName: source.secret.name } }),
      )
    }
    const kind = volume.configMap === undefined ? 'Secret' : 'ConfigMap'
    const name = volume.configMap?.name ?? volume.secret.secretName
    const object = this.#objects.find((one) => one.kind === kind && one.metadata.name === name)
    assert.ok(object !== undefined, `${kind} ${name} was not rendered`)
    const decode = (text: string): string =>
      kind === 'Secret' ? Buffer.from(text, 'base64').toString() : text
    const items: { key: string; path: string }[] =
      volume.secret?.items ?? Object.keys(object.data).map((key) => ({ key, path: key }))
    return items.map(({ key, path }) => [path, decode(object.data[key])])
  }
}

/** Any free ports, which is the only thing that is not as it was rendered. */
export const FREE_PORTS = {
  MEMCKV_LISTEN_PORT: '-1',
  MEMCKV_LISTEN_ADDRESSES: '127.0.0.1',
  MEMCKV_SIDECAR_PORT: '-1',
  MEMCKV_SIDECAR_ADDRESS: '127.0.0.1',
} as const
