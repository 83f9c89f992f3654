import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { parse, stringify } from 'yaml'
import { CASES, KUBERNETES_VERSIONS } from './cases.ts'
import { valueRows } from './reference.ts'
import type { KubernetesObject } from './support/chart.ts'
import { CHART, find, helm, podTemplates, render, server, template } from './support/chart.ts'
import { podSecurityFaults } from './support/pod-security.ts'
import { tools } from './support/tools.ts'

/**
 * What the chart makes of each case, at both ends of the supported versions of Kubernetes. To take a
 * change over into the files, after a look at the difference:
 *
 *   MEMCKV_TEST_GOLDEN=write npx node --test test/helm/render.test.ts
 */
const WRITE = process.env['MEMCKV_TEST_GOLDEN'] === 'write'

const rendered = new Map<string, KubernetesObject[]>()
for (const [name, values] of Object.entries(CASES)) {
  for (const kubernetes of KUBERNETES_VERSIONS) {
    rendered.set(`${name}-${kubernetes}`, await render({ values, kubernetes }))
  }
}

for (const [name, objects] of rendered) {
  test(`${name}: golden`, () => {
    const file = new URL(`golden/${name.replace(/\.0$/, '')}.yaml`, import.meta.url)
    const actual = abbreviated(objects)
    if (WRITE) writeFileSync(file, actual)
    assert.ok(existsSync(file), 'there is no such file yet')
    assert.equal(actual, readFileSync(file, 'utf8'))
  })

  test(`${name}: no nulls, no empty lists but those that mean something`, () => {
    assert.deepEqual(
      objects.flatMap((object) => nothings(object, object.kind)),
      [],
    )
  })

  test(`${name}: every object has a name of its own, the namespace and the labels`, () => {
    const names = objects.map(
      (object) => `${object.kind}/${object.metadata.namespace}/${object.metadata.name}`,
    )
    assert.equal(new Set(names).size, names.length)
    for (const object of objects) {
      const { labels = {}, name: own } = object.metadata
      if (own.endsWith('-own') || own.endsWith('-text')) continue
      assert.ok(object.metadata.namespace, own)
      assert.equal(labels['app.kubernetes.io/instance'], 'memc-kv', own)
      assert.equal(labels['app.kubernetes.io/managed-by'], 'Helm', own)
    }
  })

  test(`${name}: every pod passes the restricted Pod Security Standard, without a token`, () => {
    for (const { owner, spec } of podTemplates(objects)) {
      assert.deepEqual(podSecurityFaults(spec), [], owner)
      assert.equal(spec.automountServiceAccountToken, false, owner)
      assert.equal(spec.enableServiceLinks, false, owner)
      for (const container of spec.containers) {
        if (container.name === 'beside') continue
        assert.equal(container.securityContext.readOnlyRootFilesystem, true, owner)
      }
    }
  })

  test(`${name}: selectors are the same three labels, and take the caches only`, () => {
    const app = name.startsWith('bare') ? 'kv' : 'memc-kv'
    const expected = {
      'app.kubernetes.io/name': app,
      'app.kubernetes.io/instance': 'memc-kv',
      'app.kubernetes.io/component': 'cache',
    }
    const selectors = objects.flatMap((object) => {
      const { selector, podSelector } = object.spec ?? {}
      if (object.kind === 'Service') return [selector]
      if (object.kind === 'ServiceMonitor') return []
      return [selector?.matchLabels, podSelector?.matchLabels].filter((one) => one !== undefined)
    })
    assert.ok(selectors.length >= 3)
    for (const selector of selectors) assert.deepEqual(selector, expected)
    for (const { owner, metadata } of podTemplates(objects)) {
      const taken = Object.entries(expected).every(
        ([key, value]) => metadata.labels?.[key] === value,
      )
      assert.equal(taken, owner.startsWith('StatefulSet'), owner)
    }
  })
}

test('Helm 3 and Helm 4 make the same of every case, and the same again', async () => {
  for (const [name, objects] of rendered) {
    const [, label = '', kubernetes = ''] = /^(.*)-([\d.]+)$/.exec(name) ?? []
    for (const { path } of tools().helms) {
      const again = await render({ values: CASES[label], kubernetes, helm: path })
      assert.deepEqual(byName(again), byName(objects), `${name} ${path}`)
    }
  }
})

test('Helm 3 and Helm 4 find nothing to complain of', async () => {
  for (const { path } of tools().helms) {
    for (const values of Object.values(CASES)) {
      const { status, output, errors } = await helm(
        path,
        ['lint', '--strict', '--values', '-', CHART],
        JSON.stringify(values),
      )
      assert.equal(status, 0, output + errors)
    }
  }
})

test('a template leaves no blank lines or blanks behind', async () => {
  const { output } = await template({
    values: { ...(CASES['everything'] as object), extraManifests: [] },
  })
  const ours = output.replace(/^ {2}"[\w-]+\.json": \|\n(?: {4}.*\n|\n)*/m, '')
  const wrong = ours
    .split('\n')
    .filter(
      (line, index, all) => /[ \t]$/.test(line) || (line === '' && /^ /.test(all[index + 1] ?? '')),
    )
  assert.deepEqual(wrong, [])
})

test('nothing but the version label and the chart label changes with a version', async () => {
  const chart = parse(readFileSync(`${CHART}/Chart.yaml`, 'utf8'))
  const { output } = await template()
  const places = output.split('\n').filter((line) => line.includes(chart.version))
  for (const line of places) {
    assert.match(line, /^ {4}(?:app\.kubernetes\.io\/version|helm\.sh\/chart): |^ +image: /)
  }
})

test('client addresses are of ready pods only; names of pods and metrics do not wait', () => {
  const objects = rendered.get('default-1.37.0')!
  assert.equal(find(objects, 'Service', 'memc-kv').spec.publishNotReadyAddresses, undefined)
  for (const name of ['memc-kv-headless', 'memc-kv-metrics']) {
    const { spec } = find(objects, 'Service', name)
    assert.equal(spec.publishNotReadyAddresses, true)
    assert.equal(spec.clusterIP, 'None')
  }
  assert.equal(find(objects, 'StatefulSet').spec.serviceName, 'memc-kv-headless')
})

test('one pod can be drained from its node; several lose one at a time', () => {
  assert.equal(
    rendered.get('default-1.37.0')!.some(({ kind }) => kind === 'PodDisruptionBudget'),
    false,
  )
  const { spec } = find(rendered.get('sharded-1.37.0')!, 'PodDisruptionBudget')
  assert.equal(spec.maxUnavailable, 1)
  assert.equal(spec.unhealthyPodEvictionPolicy, 'AlwaysAllow')
})

test('what only newer clusters have', async () => {
  const values = {
    hostUsers: false,
    startupProbe: { custom: { exec: { command: ['true'] } } },
  }
  const objects = await render({ values })
  for (const { spec } of podTemplates(objects)) assert.equal(spec.hostUsers, false)
  assert.deepEqual(server(objects).startupProbe, values.startupProbe.custom)
})

test('the examples of the chart’s README are taken', async () => {
  const readme = readFileSync(`${CHART}/README.md`, 'utf8')
  const examples = [...readme.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text)
  assert.equal(examples.length, 5)
  for (const example of examples) await render({ values: parse(example) })
})

test('the numbers of the chart’s README are those of the defaults', async () => {
  const readme = readFileSync(`${CHART}/README.md`, 'utf8')
  const { requests, limits } = server(await render()).resources
  assert.ok(readme.includes(`| ${requests.memory.replace('Mi', ' MiB')} |`))
  assert.ok(readme.includes(`| ${limits.memory.replace('Mi', ' MiB')} |`))
  const grown = server(await render({ values: { cache: { memory: '512Mi' } } })).resources
  assert.ok(readme.includes(`{"memory":"${grown.requests.memory}"}`))
  assert.ok(readme.includes(`{"memory":"${grown.limits.memory}"}`))
})

test('rules and dashboard are those of files/, but for what the values change', async () => {
  const rules = parse(readFileSync(`${CHART}/files/rules.yaml`, 'utf8'))
  const runbook = { prometheusRule: { enabled: true, runbookUrl: 'docs/runbook.md' } }
  const plain = await render({ values: { metrics: runbook } })
  assert.deepEqual(find(plain, 'PrometheusRule').spec, rules)
  const changed = find(rendered.get('everything-1.37.0')!, 'PrometheusRule').spec.groups
  const alerts = changed.flatMap((group: { rules: { alert?: string }[] }) => group.rules)
  const byAlert = (name: string) => alerts.find(({ alert }: { alert?: string }) => alert === name)
  assert.equal(byAlert('MemcKvVersionDrift'), undefined)
  assert.equal(byAlert('MemcKvDown').for, '5m')
  assert.deepEqual(byAlert('MemcKvDown').labels, { severity: 'warning', team: 'shop' })
  assert.equal(
    byAlert('MemcKvDown').annotations.runbook_url,
    'https://runbooks.example/memc-kv#memckvdown',
  )
  const { data } = find(rendered.get('everything-1.37.0')!, 'ConfigMap', 'cache-memc-kv-dashboard')
  assert.equal(data['cache-memc-kv.json'], readFileSync(`${CHART}/files/dashboard.json`, 'utf8'))
})

test('names that YAML takes for something else stay names', async () => {
  for (const release of ['123', '1e6', 'true', 'on']) {
    const values = {
      ...(CASES['everything'] as object),
      fullnameOverride: 'on',
      nameOverride: '1e3',
      extraManifests: [],
    }
    const objects = await render({ release, namespace: '2024', values })
    for (const { metadata } of objects) {
      for (const [what, value] of Object.entries({ ...metadata, ...metadata.labels })) {
        if (typeof value !== 'object') assert.equal(typeof value, 'string', what)
      }
    }
    const set = find(objects, 'StatefulSet')
    assert.equal(set.spec.selector.matchLabels['app.kubernetes.io/instance'], release)
    assert.equal(set.spec.selector.matchLabels['app.kubernetes.io/name'], '1e3')
  }
})

test('a value set to null is empty, where it may be', async () => {
  const empties = valueRows(readFileSync(`${CHART}/values.yaml`, 'utf8'))
    .filter(({ standard }) => /^(?:\{\}|\[\])$/.test(JSON.stringify(standard)))
    .map(({ key }) => key)
  const optional = ['containerSecurityContext', 'podSecurityContext', 'tests.resources']
  const keys = [...empties, ...optional, 'metrics.dashboard.labels']
  assert.ok(keys.length > 30)
  const enabled = { enabled: true }
  const metrics = { prometheusRule: enabled, podMonitor: enabled, dashboard: enabled }
  const values = { metrics, updateStrategy: { type: 'OnDelete' } }
  const set = keys.flatMap((key) => ['--set', `${key}=null`])
  for (const { path } of tools().helms) {
    const objects = await render({ values, set, helm: path })
    assert.deepEqual(
      objects.flatMap((object) => nothings(object, object.kind)),
      [],
    )
    for (const { spec } of podTemplates(objects)) {
      assert.equal(spec.securityContext, undefined)
      assert.equal(spec.containers[0].securityContext, undefined)
    }
  }
})

test('containers of others are as restricted as the server, unless they say otherwise', () => {
  const { spec } = find(rendered.get('everything-1.37.0')!, 'StatefulSet').spec.template
  const own = spec.containers[0].securityContext
  assert.deepEqual(spec.initContainers[0].securityContext, own)
  assert.deepEqual(spec.containers[1].securityContext, {
    ...own,
    readOnlyRootFilesystem: false,
    runAsUser: 10_002,
  })
})

test('pods of test and resize have the pods’ annotations and labels too', async () => {
  const values = {
    podAnnotations: { a: 'b' },
    podLabels: { c: 'd', 'app.kubernetes.io/component': 'cache' },
    updateStrategy: { type: 'OnDelete' },
  }
  const pods = podTemplates(await render({ values }))
  assert.deepEqual(
    pods.map(({ metadata: { annotations = {}, labels = {} } }) => [annotations['a'], labels['c']]),
    [
      ['b', 'd'],
      ['b', 'd'],
      ['b', 'd'],
    ],
  )
  const components = pods.map(({ metadata }) => metadata.labels?.['app.kubernetes.io/component'])
  assert.deepEqual(components.sort(), ['cache', 'resize', 'test'])
})

test('the autoscaler’s target is a share of what a pod can use', async () => {
  const target = async (values: object) => {
    const all = { topology: 'sharded', autoscaling: { enabled: true }, ...values }
    const [metric] = find(await render({ values: all }), 'HorizontalPodAutoscaler').spec.metrics
    return metric.resource.target.averageValue
  }
  assert.equal(await target({}), '1400m')
  assert.equal(await target({ cache: { workers: 4 } }), '2800m')
  for (const cpu of ['1500m', 1.5, '1.5']) {
    assert.equal(await target({ resources: { limits: { cpu } } }), '1050m')
  }
  assert.equal(await target({ resources: { limits: { cpu: '8' } } }), '1400m')
  const kept = { enabled: true, external: true }
  const objects = await render({ values: { topology: 'sharded', autoscaling: kept } })
  assert.ok(!objects.some(({ kind }) => kind === 'HorizontalPodAutoscaler'))
  assert.equal(find(objects, 'StatefulSet').spec.replicas, 2)
})

test('NOTES say where the cache is and how large', async () => {
  // Helm 3 wants a cluster even for this; the tests with an API server have it print them too.
  const { path } = tools().helms.at(-1)!
  const set = ['--set', 'topology=sharded,replicas=2']
  const { status, output, errors } = await helm(path, [
    ...['install', 'memc-kv', CHART, '--dry-run=client', '--namespace', 'cache'],
    ...set,
  ])
  assert.equal(status, 0, errors)
  assert.match(
    output,
    /memc-kv-0\.memc-kv-headless\.cache\.svc:6001\n.*memc-kv-1\.memc-kv-headless/,
  )
  assert.match(output, /memory request +377Mi\n +memory limit +472Mi/)
  assert.match(output, /PUT \/log\/level/)
  const more = 'autoscaling.enabled=true,autoscaling.maxReplicas=9,cache.connections=2048'
  const scaled = await helm(path, [
    ...['install', 'memc-kv', CHART, '--dry-run=client', '--namespace', 'cache'],
    ...[...set, '--set', more],
  ])
  assert.equal(scaled.status, 0, scaled.errors)
  assert.match(scaled.output, /must follow the SRV records of _memcache\._tcp\.memc-kv-headless\./)
  assert.deepEqual(scaled.output.split('NOTES:')[1]?.match(/memc-kv-\d(?=\.)/g), [
    'memc-kv-0',
    'memc-kv-1',
  ])
  assert.match(scaled.output, /2 workers \+ 8Ki for each of 1024 connections beyond 1024\)/)
  const guarded = await helm(path, [
    ...['install', 'memc-kv', CHART, '--dry-run=client', '--namespace', 'cache'],
    ...['--set', 'tls.enabled=true,tls.existingSecret=pair,sidecar.tokenSecret=tokens'],
    ...['--set', 'sidecar.tls.enabled=true'],
  ])
  assert.equal(guarded.status, 0, guarded.errors)
  assert.match(guarded.output, /Metrics: port 9150, \/metrics, over HTTPS, with a token/)
  assert.match(guarded.output, /2 workers \+ 168Ki for each of 1024 connections over TLS\)/)
  assert.doesNotMatch(guarded.output, /Whoever reaches that port/)
  assert.match(
    guarded.output,
    /a token of the Secret tokens\. Whoever has one can also read \/config/,
  )
})

test('the certificate has the names that clients use, with the domain of the cluster and without', async () => {
  const namesWith = async (domain: Record<string, string>): Promise<readonly string[]> => {
    const certificate = { enabled: true, issuerRef: { name: 'inner' }, ...domain }
    const objects = await render({ values: { tls: { enabled: true, certificate } } })
    return find(objects, 'Certificate').spec.dnsNames
  }
  const short = [
    ...['memc-kv.cache.svc', 'memc-kv.cache', 'memc-kv'],
    ...['memc-kv-headless.cache.svc', '*.memc-kv-headless.cache.svc'],
  ]
  const long = (domain: string): string[] =>
    ['memc-kv', 'memc-kv-headless', '*.memc-kv-headless'].map(
      (name) => `${name}.cache.svc.${domain}`,
    )
  assert.deepEqual(await namesWith({}), [...short, ...long('cluster.local')])
  assert.deepEqual(await namesWith({ clusterDomain: 'k8s.inner' }), [
    ...short,
    ...long('k8s.inner'),
  ])
  assert.deepEqual(await namesWith({ clusterDomain: '' }), short)
})

function byName(objects: readonly KubernetesObject[]): Record<string, KubernetesObject> {
  return Object.fromEntries(
    objects.map((object) => [`${object.kind}/${object.metadata.name}`, object]),
  )
}

/** Files of the chart that were handed through are only named. */
function abbreviated(objects: readonly KubernetesObject[]): string {
  const files = ['dashboard.json', 'smoke-test.mjs', 'resize.mjs'].map((name) => ({
    name: `<files/${name}>`,
    text: readFileSync(`${CHART}/files/${name}`, 'utf8'),
  }))
  const replace = (_: string, value: unknown): unknown =>
    files.find(({ text }) => text === value)?.name ?? value
  const shown = Object.entries(byName(objects))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, object]) => {
      if (object.kind === 'PrometheusRule') {
        object = { ...object, spec: { groups: `<${object.spec.groups.length} groups>` } }
      }
      return stringify(JSON.parse(JSON.stringify(object, replace)), { lineWidth: 0 })
    })
  return shown.join('---\n')
}

/** Paths of what was rendered without a value. */
function nothings(value: unknown, path: string): string[] {
  if (value === null || value === '') return [path]
  if (Array.isArray(value)) {
    // No way out, said by an empty list.
    if (value.length === 0) return path === 'NetworkPolicy.spec.egress' ? [] : [path]
    return value.flatMap((item, index) => nothings(item, `${path}[${index}]`))
  }
  if (typeof value !== 'object') return []
  const entries = Object.entries(value)
  if (entries.length === 0) {
    return /\.(emptyDir|podAntiAffinity|namespaceSelector)$/.test(path) ? [] : [path]
  }
  return entries.flatMap(([key, item]) => nothings(item, `${path}.${key}`))
}
