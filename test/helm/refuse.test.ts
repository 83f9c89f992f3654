import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RenderOptions } from './support/chart.ts'
import { refusal, render } from './support/chart.ts'
import { tools } from './support/tools.ts'

/** Values that must be refused, and what the line must say. */
const REFUSED: readonly (readonly [what: string, options: RenderOptions, says: RegExp])[] = [
  ['an unknown value', { values: { cahce: {} } }, /cahce/],
  ['an unknown value within', { values: { cache: { memroy: '1Gi' } } }, /memroy/],
  [
    'an unknown value deep within',
    { values: { metrics: { serviceMonitor: { intervall: '' } } } },
    /intervall/,
  ],
  ['an unknown key of resources', { values: { resources: { limits: { gpu: 1 } } } }, /gpu/],
  ['an unknown setting', { values: { settings: { memory: { polcy: 'lru' } } } }, /polcy/],
  ['an unknown section', { values: { settings: { memoyr: {} } } }, /memoyr/],
  [
    'a setting of a wrong value',
    { values: { settings: { memory: { policy: 'fifo' } } } },
    /policy/,
  ],
  [
    'a setting that a value decides',
    { values: { settings: { memory: { limit: '1gb' } } } },
    /limit/,
  ],
  ['a port of one’s own', { values: { settings: { listen: { port: 1 } } } }, /listen/],
  ['a word for a number', { values: { replicas: 'three' } }, /replicas/],
  ['a number for a word', { values: { image: { tag: 1.6 } } }, /tag/],
  ['a word for a boolean', { values: { auth: { enabled: 'yes' } } }, /enabled/],
  ['a size without a unit', { values: { cache: { memory: '256' } } }, /memory/],
  ['a size with a wrong unit', { values: { cache: { memory: '256MB' } } }, /memory/],
  ['no memory', { values: { cache: { memory: '0Mi' } } }, /memory/],
  ['less memory than cache_memlimit takes', { values: { cache: { memory: '7Mi' } } }, /memory/],
  // Computed with 64 bits, these would be 1 GiB, 1 MiB and 1 GiB.
  ['memory beyond counting', { values: { cache: { memory: '17179869185Gi' } } }, /memory/],
  [
    'an item beyond counting',
    { values: { cache: { maxItemSize: '17592186044417Mi' } } },
    /maxItem/,
  ],
  [
    'a limit beyond counting',
    { values: { resources: { limits: { memory: '17179869185Gi' } } } },
    /memory/,
  ],
  [
    'too much memory',
    { values: { cache: { memory: '33Gi' } } },
    /cache\.memory: 33Gi .* at most 32Gi/,
  ],
  [
    'an item that is too large',
    { values: { cache: { memory: '16Mi', maxItemSize: '9Mi' } } },
    /at most half of cache\.memory, 16Mi/,
  ],
  [
    'a probe key that does not exist',
    { values: { livenessProbe: { periodSecond: 1 } } },
    /periodSecond/,
  ],
  ['a digest that is none', { values: { image: { digest: 'sha256:12' } } }, /digest/],
  ['several pods by mistake', { values: { replicas: 2 } }, /replicas: 2 pods .* topology=sharded/],
  [
    'autoscaling of one cache',
    { values: { autoscaling: { enabled: true } } },
    /autoscaling\.enabled needs topology=sharded/,
  ],
  [
    'fewer most than fewest pods',
    { values: { topology: 'sharded', autoscaling: { enabled: true, maxReplicas: 1 } } },
    /autoscaling\.maxReplicas: 1 is below/,
  ],
  [
    'a port of the nodes without nodes',
    { values: { service: { nodePort: 30_001 } } },
    /service\.nodePort: 30001 has no effect with service\.type ClusterIP/,
  ],
  [
    'a load balancer’s class without one',
    { values: { service: { type: 'NodePort', loadBalancerClass: 'inner' } } },
    /service\.loadBalancerClass has no effect with service\.type NodePort/,
  ],
  [
    'a scrape longer than its interval',
    {
      values: {
        metrics: { podMonitor: { enabled: true, interval: '1m30s', scrapeTimeout: '91s' } },
      },
    },
    /metrics\.podMonitor\.scrapeTimeout: 91s is longer than the interval, 1m30s/,
  ],
  [
    'a duration that is none',
    { values: { metrics: { podMonitor: { interval: '5' } } } },
    /interval/,
  ],
  [
    'one expression for a warning and a page',
    {
      values: {
        metrics: {
          prometheusRule: { enabled: true, overrides: { MemcKvLatencyHigh: { expr: '1' } } },
        },
      },
    },
    /there are 2 alerts MemcKvLatencyHigh; say which: MemcKvLatencyHigh\/\w+ or MemcKv/,
  ],
  ['a release that Services cannot be called', { release: '9cache' }, /fullnameOverride: 9cache-/],
  ['a release with a dot', { release: 'my.cache' }, /fullnameOverride: my\.cache-memc-kv, made of/],
  ['a name that Services refuse', { values: { fullnameOverride: '9cache' } }, /fullnameOverride/],
  ['no pull policy', { values: { image: { pullPolicy: null } } }, /pullPolicy/],
  ['no workers', { values: { cache: { workers: null } } }, /workers/],
  ['no type of Service', { values: { service: { type: null } } }, /type/],
  ['no strategy', { values: { updateStrategy: { type: null } } }, /type/],
  [
    'no probe',
    { values: { livenessProbe: null } },
    /missing property 'livenessProbe'|livenessProbe is required/,
  ],
  [
    'no resources',
    { values: { resources: null } },
    /missing property 'resources'|resources is required/,
  ],
  [
    'users of its own on an old cluster',
    { values: { hostUsers: false }, kubernetes: '1.32.0' },
    /needs Kubernetes 1\.33/,
  ],
  ['a cluster that is too old', { kubernetes: '1.28.9' }, />=1\.29\.0-0/],
  [
    'too short a grace period',
    { values: { shutdown: { preStop: 5, drain: 60, terminationGracePeriodSeconds: 74 } } },
    /terminationGracePeriodSeconds: 74 is not enough; .* need 75/,
  ],
  [
    'users that nobody asks for',
    { values: { auth: { users: [{ name: 'a', password: 'b' }] } } },
    /auth\.enabled is false/,
  ],
  [
    'authentication without users',
    { values: { auth: { enabled: true } } },
    /needs auth\.existingSecret or auth\.users/,
  ],
  [
    'users from two places',
    {
      values: {
        auth: { enabled: true, existingSecret: 'a', users: [{ name: 'a', password: 'b' }] },
      },
    },
    /both given/,
  ],
  [
    'a certificate without TLS',
    { values: { tls: { existingSecret: 'a' } } },
    /tls\.enabled is false: nothing would be encrypted/,
  ],
  [
    'TLS without a certificate',
    { values: { tls: { enabled: true } } },
    /needs tls\.existingSecret or tls\.certificate/,
  ],
  [
    'certificates from two places',
    { values: { tls: { enabled: true, existingSecret: 'a', certificate: { enabled: true } } } },
    /both given/,
  ],
  [
    'a certificate of nobody',
    { values: { tls: { enabled: true, certificate: { enabled: true } } } },
    /issuerRef\.name/,
  ],
  [
    'a test without the certificate that is required',
    { values: { tls: { enabled: true, existingSecret: 'a', clientCertificates: 'require' } } },
    /needs tls\.clientSecret/,
  ],
  [
    'a certificate for a sidecar without TLS',
    { values: { sidecar: { tls: { existingSecret: 'a' } } } },
    /sidecar\.tls\.enabled is false: nothing would be encrypted/,
  ],
  [
    'a sidecar with TLS but no certificate',
    { values: { sidecar: { tls: { enabled: true } } } },
    /needs sidecar\.tls\.existingSecret, or tls\.enabled/,
  ],
  [
    'a sidecar’s test without the certificate that is required',
    {
      values: {
        sidecar: { tls: { enabled: true, existingSecret: 'a', clientAuthoritySecret: 'b' } },
      },
    },
    /needs sidecar\.tls\.clientSecret/,
  ],
  [
    'TLS by the server’s own settings',
    { values: { settings: { tls: { verify: 'require' } } } },
    /verify/,
  ],
  [
    'permissions for users of the values',
    {
      values: {
        auth: { enabled: true, format: 'permissions', users: [{ name: 'a', password: 'b' }] },
      },
    },
    /auth\.users cannot have permissions/,
  ],
  [
    'a test without a login',
    { values: { auth: { enabled: true, format: 'permissions', existingSecret: 'a' } } },
    /needs auth\.loginSecret/,
  ],
  [
    'a name with a colon',
    { values: { auth: { enabled: true, users: [{ name: 'a:b', password: 'c' }] } } },
    /name/,
  ],
  [
    'nine users',
    { values: { auth: { enabled: true, users: Array(9).fill({ name: 'a', password: 'b' }) } } },
    /users/,
  ],
  [
    'both monitors',
    { values: { metrics: { serviceMonitor: { enabled: true }, podMonitor: { enabled: true } } } },
    /both true/,
  ],
  [
    'a ServiceMonitor without its Service',
    { values: { metrics: { serviceMonitor: { enabled: true }, service: { enabled: false } } } },
    /needs metrics\.service\.enabled/,
  ],
  [
    'an alert that there is not',
    { values: { metrics: { prometheusRule: { enabled: true, disabledAlerts: ['MemcKvDwon'] } } } },
    /there is no alert MemcKvDwon; there are .*MemcKvDown/,
  ],
  [
    'traces to nowhere',
    { values: { tracing: { enabled: true } } },
    /tracing\.enabled needs tracing\.endpoint/,
  ],
  [
    'a setting in the environment',
    { values: { extraEnv: [{ name: 'MEMCKV_MEMORY_LIMIT', value: '1gb' }] } },
    /MEMCKV_MEMORY_LIMIT is not allowed; use settings/,
  ],
  [
    'flags of Node',
    { values: { extraEnv: [{ name: 'NODE_OPTIONS', value: '' }] } },
    /NODE_OPTIONS is not allowed/,
  ],
  ['a name that is too long', { values: { fullnameOverride: 'a'.repeat(46) } }, /fullnameOverride/],
]

for (const { name, path } of tools().helms) {
  test(`${name} refuses`, { concurrency: 4 }, async (t) => {
    const tests = REFUSED.map(([what, options, says]) =>
      t.test(what, async () => {
        const error = await refusal({ ...options, helm: path })
        // Helm breaks none of its lines, but ours may be within others.
        assert.match(error.replaceAll('\n', ' '), says)
      }),
    )
    await Promise.all(tests)
  })

  test(`${name}: a key set to null is left out, as OpenShift wants it`, async () => {
    const keys = ['runAsUser', 'runAsGroup', 'fsGroup']
    const set = keys.flatMap((key) => ['--set', `podSecurityContext.${key}=null`])
    const text = JSON.stringify(await render({ set, helm: path }))
    for (const key of keys) assert.ok(!text.includes(`"${key}"`), key)
  })

  test(`${name}: a parent chart's values for others are none of ours`, async () => {
    await render({
      values: { global: { imageRegistry: 'a', other: 1 }, enabled: true },
      helm: path,
    })
  })
}
