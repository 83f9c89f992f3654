import assert from 'node:assert/strict'
import { get as getPlain } from 'node:http'
import { get as getTls } from 'node:https'
import { Client } from '../../support/client.ts'
import { until } from '../../support/deadline.ts'
import type { Scope, Server } from '../../support/server.ts'
import type { KubernetesObject } from './chart.ts'
import { find, podTemplates, server } from './chart.ts'
import type { Image } from './container.ts'
import { FREE_PORTS, PodProcess } from './container.ts'

/** A cache that runs as its container would. */
export interface Pod {
  readonly process: Server
  readonly port: number
  readonly sidecar: number
}

/** Values for a cache that starts and ends at once. */
export const SMALL = {
  cache: { memory: '64Mi', workers: 1 },
  shutdown: { preStop: 0, drain: 0, grace: 2 },
}

/** A Secret of the operator's own, which the chart only names. */
export function secret(name: string, files: Readonly<Record<string, string>>): object {
  const data = Object.entries(files).map(([key, text]) => [
    key,
    Buffer.from(text).toString('base64'),
  ])
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name }, data: Object.fromEntries(data) }
}

/** What was rendered is run: the image's command with the pod's arguments, variables and files. */
export async function startCache(
  image: Image,
  scope: Scope,
  objects: readonly KubernetesObject[],
): Promise<Pod> {
  const pod = new PodProcess(image, objects, find(objects, 'StatefulSet').spec.template)
  const process = pod.start(server(objects), FREE_PORTS)
  scope.after(async () => {
    await process.stop('SIGKILL')
  })
  return await until(
    () => {
      assert.equal(process.child.exitCode, null, process.output())
      const line = process
        .output()
        .split('\n')
        .find((text) => text.includes('"msg":"ready"'))
      if (line === undefined) return null
      const { addresses, sidecar } = JSON.parse(line)
      return { process, port: addresses[0].port, sidecar: sidecar.port }
    },
    () => process.output(),
  )
}

/** Asks as kubelet would: the port by its name, no certificate verified, any status from 200 to 399 is good. */
export async function probe(
  pod: Pod,
  objects: readonly KubernetesObject[],
  name: string,
): Promise<boolean> {
  const container = server(objects)
  const { path, port, scheme } = container[`${name}Probe`].httpGet
  const { containerPort } = container.ports.find((one: { name: string }) => one.name === port)
  assert.equal(containerPort, 9150)
  const options = { host: '127.0.0.1', port: pod.sidecar, path, rejectUnauthorized: false }
  const get = scheme === 'HTTPS' ? getTls : getPlain
  const status = await new Promise<number>((settle, fail) => {
    const request = get(options, (reply) => {
      reply.resume()
      settle(reply.statusCode ?? 0)
    })
    request.on('error', fail)
  })
  return status >= 200 && status < 400
}

export async function connect(port: number, scope: Scope): Promise<Client> {
  const client = await Client.connect({ host: '127.0.0.1', port })
  scope.after(async () => client.close())
  return client
}

/** The Job or the test of the chart, whose script is run as its container would. */
export function scriptOf(image: Image, objects: readonly KubernetesObject[], name: string) {
  const job = podTemplates(objects).find(({ owner }) => owner.endsWith(` ${name}`))
  assert.ok(job !== undefined)
  const pod = new PodProcess(image, objects, job)
  let process: Server | undefined
  return {
    output: () => process?.output() ?? '',
    run: async (scope: Scope, overlay: Readonly<Record<string, string>>) => {
      const started = pod.start(job.spec.containers[0], overlay)
      process = started
      scope.after(async () => {
        await started.stop('SIGKILL')
      })
      return await started.ended()
    },
  }
}
