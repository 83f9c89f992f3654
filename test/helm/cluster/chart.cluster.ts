import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { until } from '../../support/deadline.ts'
import { CASES } from '../cases.ts'
import type { Untyped } from '../support/chart.ts'
import { CHART, template } from '../support/chart.ts'
import { tools } from '../support/tools.ts'
import { Cluster } from './cluster.ts'
import { CONTAINER_LOG } from './kubelet.ts'

/**
 * The chart against the real API server, at the version that was built and at the oldest one that it
 * can behave as. Every namespace enforces the restricted Pod Security Standard.
 */
const NEWEST = '1.37'

for (const version of ['1.34', NEWEST]) {
  describe(`Kubernetes ${version}`, () => {
    let cluster: Cluster

    before(async () => {
      cluster = await Cluster.start(version)
      await prepare(cluster)
    })
    after(() => cluster.stop())

    test('every object is what the API server knows, to the last field', async () => {
      await namespace(cluster, 'strict')
      // A pod is refused without its account, which a dry run does not make.
      for (const name of ['memc-kv', 'kv']) {
        await cluster.kubectl(['create', 'serviceaccount', name, '-n', 'strict'])
      }
      for (const [name, values] of Object.entries(CASES)) {
        const { output } = await template({
          values,
          namespace: 'strict',
          kubernetes: `${version}.0`,
        })
        const answer = await cluster.kubectl(
          ['apply', '--server-side', '--dry-run=server', '--validate=strict', '-f', '-'],
          output,
        )
        assert.match(answer, /statefulset\.apps\/.* serverside-applied \(server dry run\)/, name)
      }
    })

    // The versions differ in what the API server takes, which the test above asks; the rest once.
    for (const { name: helmName, path } of version === NEWEST ? tools().helms : []) {
      const run = (
        action: string,
        release: string,
        space: string,
        values?: unknown,
        more: string[] = [],
      ) => clean(cluster, path, [action, release, ...more, '--namespace', space], values)

      for (const [name, values] of Object.entries(CASES)) {
        test(`${helmName} ${name}: install, upgrade, roll back and uninstall, and nothing is left`, async () => {
          const space = `${helmName}-${name}`
          await namespace(cluster, space)
          await run('install', 'memc-kv', space, values, [
            CHART,
            '--dry-run=server',
            '--values',
            '-',
          ])
          const notes = await run('install', 'memc-kv', space, values, [CHART, '--values', '-'])
          assert.match(notes, /memory limit +\d+Mi|memory limit +2Gi/)
          await podsMade(cluster, space)
          // The autoscaler's own number is not ours to change.
          const replicas = await scaled(cluster, space, name, values)
          await run('upgrade', 'memc-kv', space, values, [CHART, '--values', '-'])
          const [set] = await list(cluster, 'statefulset', space)
          assert.equal(set.spec.replicas, replicas)
          // As the README has it, twice, for the first pod is still there.
          const log = name === 'bare' ? '' : CONTAINER_LOG
          const tested = () => run('test', 'memc-kv', space, undefined, ['--logs'])
          for (const logs of [await tested(), await tested()]) assert.ok(logs.includes(log), logs)
          // Helm 4 does not take the old number of pods back from an autoscaler by itself.
          const force = `${helmName} ${name}` === 'helm4 everything' ? ['--force-conflicts'] : []
          await run('rollback', 'memc-kv', space, undefined, ['1', ...force])
          await run('uninstall', 'memc-kv', space)
          await nothingLeft(cluster, space)
          assert.deepEqual(await cluster.everythingIn('monitoring'), [])
        })
      }

      test(`${helmName}: from one set of values to another and back`, async () => {
        const space = `${helmName}-changes`
        await namespace(cluster, space)
        const apply = (values: unknown) =>
          run('upgrade', 'memc-kv', space, values, [CHART, '--install', '--values', '-'])
        // The first family of addresses of a Service cannot change.
        const sharded = { ...(CASES['sharded'] as object), service: {} }
        const onDelete = { updateStrategy: { type: 'OnDelete' }, service: { type: 'NodePort' } }
        const tcp = { livenessProbe: { custom: { tcpSocket: { port: 6001 }, periodSeconds: 3 } } }
        for (const values of [{}, CASES['everything'], {}, onDelete, tcp, sharded, {}]) {
          await apply(values)
        }
        const [set] = await list(cluster, 'statefulset', space)
        assert.equal(set.spec.updateStrategy.type, 'RollingUpdate')
        const [container] = set.spec.template.spec.containers
        assert.equal(container.livenessProbe.tcpSocket, undefined)
        assert.equal(container.livenessProbe.httpGet.path, '/livez')
        assert.equal((await cluster.get('service', 'memc-kv', space)).spec.type, 'ClusterIP')
        await run('uninstall', 'memc-kv', space)
      })

      test(`${helmName}: autoscaling takes over the pods that there are`, async () => {
        const space = `${helmName}-autoscaling`
        await namespace(cluster, space)
        const replicas = async (values: object): Promise<number> => {
          const all = { topology: 'sharded', replicas: 3, ...values }
          const command = [CHART, '--install', '--values', '-']
          await run('upgrade', 'memc-kv', space, all, command)
          return (await cluster.get('statefulset', 'memc-kv', space)).spec.replicas
        }
        const scale = (count: number) =>
          cluster.kubectl(['scale', 'statefulset', '--all', `--replicas=${count}`, '-n', space])
        const on = { autoscaling: { enabled: true, maxReplicas: 9 } }
        assert.equal(await replicas({}), 3)
        assert.equal(await replicas(on), 3, 'switched on')
        await scale(5)
        assert.equal(await replicas(on), 5, 'the autoscaler had its way')
        assert.equal(await replicas({ autoscaling: { ...on.autoscaling, external: true } }), 5)
        await run('uninstall', 'memc-kv', space)
      })

      test(`${helmName}: what makes pods new, and what does not`, async () => {
        const space = `${helmName}-rolls`
        await namespace(cluster, space)
        const room = { requests: { memory: '2Gi' }, limits: { memory: '2Gi' } }
        const users = (password: string) => ({ enabled: true, users: [{ name: 'app', password }] })
        const revision = async (values: Record<string, unknown>): Promise<string> => {
          await run('upgrade', 'memc-kv', space, { resources: room, ...values }, [
            CHART,
            '--install',
            '--values',
            '-',
          ])
          return await until(
            async () => {
              const [set] = await list(cluster, 'statefulset', space)
              const { observedGeneration, updateRevision } = set.status ?? {}
              return observedGeneration === set.metadata.generation ? updateRevision : null
            },
            () => 'the controller has not seen the change',
          )
        }
        const first = await revision({})
        assert.equal(await revision({ commonAnnotations: {} }), first)
        assert.equal(
          await revision({ cache: { memory: '512Mi' } }),
          first,
          'it grows with its items',
        )
        assert.notEqual(await revision({ settings: { memory: { policy: 'lru' } } }), first)
        assert.notEqual(await revision({ cache: { workers: 3 } }), first)
        const one = await revision({ auth: users('a') })
        assert.notEqual(await revision({ auth: users('b') }), one)
        await run('uninstall', 'memc-kv', space)
      })
    }

    test('the API takes a resize in place of the running pod', async () => {
      const space = 'resize'
      await namespace(cluster, space)
      const { path } = tools().helms.at(-1)!
      await clean(cluster, path, ['install', 'memc-kv', CHART, '--namespace', space])
      await podsMade(cluster, space)
      const pod = await cluster.get('pod', 'memc-kv-0', space)
      assert.deepEqual(pod.spec.containers[0].resizePolicy, [
        { resourceName: 'cpu', restartPolicy: 'NotRequired' },
        { resourceName: 'memory', restartPolicy: 'NotRequired' },
      ])
      const resources = { requests: { memory: '646Mi' }, limits: { memory: '808Mi' } }
      const patch = { spec: { containers: [{ name: 'memc-kv', resources }] } }
      await cluster.bind('memc-kv-0', space)
      await cluster.kubectl([
        ...['patch', 'pod', 'memc-kv-0', '-n', space, '--subresource', 'resize'],
        ...['--patch', JSON.stringify(patch)],
      ])
      const resized = await cluster.get('pod', 'memc-kv-0', space)
      assert.equal(resized.spec.containers[0].resources.limits.memory, '808Mi')
      assert.equal(resized.metadata.name, pod.metadata.name)
    })
  })
}

/** What the cases speak of that is not theirs to bring. */
async function prepare(cluster: Cluster): Promise<void> {
  await namespace(cluster, 'monitoring')
  await cluster.create(
    {
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name: 'high' },
      value: 1,
    },
    {
      apiVersion: 'node.k8s.io/v1',
      kind: 'RuntimeClass',
      metadata: { name: 'runc' },
      handler: 'runc',
    },
    { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node' } },
    ...['PodMonitor', 'PrometheusRule', 'ServiceMonitor'].map((kind) =>
      definition('monitoring.coreos.com', kind),
    ),
    definition('cert-manager.io', 'Certificate'),
  )
  const size = { cpu: '64', memory: '256Gi', pods: '100' }
  await cluster.kubectl([
    ...['patch', 'node', 'node', '--subresource', 'status'],
    ...[
      '--patch',
      JSON.stringify({
        status: {
          capacity: size,
          allocatable: size,
          addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
          daemonEndpoints: { kubeletEndpoint: { Port: cluster.kubeletPort } },
        },
      }),
    ],
  ])
  await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s'])
}

/**
 * Only that there is such a kind. The fields of monitors are checked with the operator's own types, those
 * of a certificate by nobody here.
 */
function definition(group: string, kind: string): unknown {
  const plural = `${kind.toLowerCase()}s`
  const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase() },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: open } }],
    },
  }
}

async function namespace(cluster: Cluster, name: string): Promise<void> {
  const labels = Object.fromEntries(
    ['enforce', 'warn', 'audit'].map((mode) => [
      `pod-security.kubernetes.io/${mode}`,
      'restricted',
    ]),
  )
  await cluster.create(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } },
    // A controller that is not here would make it.
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: name } },
  )
}

/** Helm, which must neither fail nor warn of anything. */
async function clean(
  cluster: Cluster,
  program: string,
  parameters: readonly string[],
  values?: unknown,
): Promise<string> {
  const input = values === undefined ? '' : JSON.stringify(values)
  const { status, output, errors } = await cluster.succeeding(
    cluster.run(program, parameters, input),
  )
  assert.equal(status, 0, `${parameters.join(' ')}: ${errors}`)
  assert.doesNotMatch(errors, /warning|unknown field|violate|deprecated/i)
  return output
}

async function list(cluster: Cluster, kind: string, space: string): Promise<Untyped[]> {
  return JSON.parse(await cluster.kubectl(['get', kind, '-n', space, '-o', 'json'])).items
}

/** The StatefulSet's controller has made all pods, which Pod Security has let through. */
async function podsMade(cluster: Cluster, space: string): Promise<void> {
  await until(
    async () => {
      const [set] = await list(cluster, 'statefulset', space)
      const pods = await list(cluster, 'pod', space)
      const own = pods.filter((pod) => pod.metadata.name.startsWith(set.metadata.name))
      return own.length >= set.spec.replicas
    },
    () => `no pods in ${space}`,
  )
}

/** After an uninstall. The one thing that stays, for its log, is the test's pod; the README says how it goes. */
async function nothingLeft(cluster: Cluster, space: string): Promise<void> {
  await cluster.kubectl([
    ...['delete', 'pod', '-n', space, '--wait=false', '--ignore-not-found'],
    ...['-l', 'app.kubernetes.io/instance=memc-kv,app.kubernetes.io/component=test'],
  ])
  await until(
    async () => (await cluster.everythingIn(space)).length === 0,
    () => `what is left in ${space}`,
  ).catch(async (error) => {
    assert.deepEqual(await cluster.everythingIn(space), [], String(error))
  })
}

/** As many pods as the values say, or, where they leave that to an autoscaler, as it has made of them. */
async function scaled(
  cluster: Cluster,
  space: string,
  name: string,
  values: unknown,
): Promise<number> {
  if (name !== 'everything') return (values as Untyped).replicas ?? 1
  await cluster.kubectl(['scale', 'statefulset', '--all', '--replicas=4', '-n', space])
  return 4
}
