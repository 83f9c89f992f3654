import { KUBERNETES_HIGHEST, KUBERNETES_LOWEST } from './support/chart.ts'

/** Sets of values that between them reach every branch of the templates. */
export const CASES: Readonly<Record<string, unknown>> = {
  default: {},
  sharded: {
    topology: 'sharded',
    replicas: 3,
    cache: { memory: '2Gi', workers: 4, connections: 20_000, maxItemSize: '8Mi' },
    auth: { enabled: true, existingSecret: 'cache-users', existingSecretKey: 'file' },
    shutdown: { preStop: 8, delay: 2, drain: 30, grace: 10 },
    networkPolicy: {
      clients: [{ namespaceSelector: { matchLabels: { team: 'shop' } } }],
      metrics: [{ namespaceSelector: { matchLabels: { name: 'monitoring' } } }],
    },
    metrics: { podMonitor: { enabled: true, namespacedJob: true } },
    service: { ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv6', 'IPv4'] },
  },
  everything: {
    global: { imageRegistry: 'mirror.example', imagePullSecrets: ['pull'] },
    imagePullSecrets: [{ name: 'more' }],
    commonLabels: { 'app.kubernetes.io/name': 'not-this', team: 'shop' },
    commonAnnotations: { contact: 'shop@example.com' },
    image: { digest: `sha256:${'0123456789abcdef'.repeat(4)}` },
    topology: 'sharded',
    settings: {
      memory: { policy: 'lru' },
      connections: { idleTimeout: '10m', requestsPerTurn: 1_000_000 },
    },
    auth: { enabled: true, users: [{ name: 'app', password: 'with:colon "and" spaces' }] },
    tracing: {
      enabled: true,
      endpoint: 'http://collector.monitoring:4318',
      sampler: 'parentbased_traceidratio',
      samplerArgument: '0.01',
      headersSecret: 'collector',
    },
    resources: { requests: { memory: '1Gi', cpu: 2 }, limits: { memory: '2Gi', cpu: '4' } },
    startupProbe: { custom: { tcpSocket: { port: 6001 } } },
    updateStrategy: { partition: 1 },
    minReadySeconds: 12,
    service: {
      type: 'LoadBalancer',
      nodePort: 30_001,
      loadBalancerClass: 'inner',
      loadBalancerSourceRanges: ['192.0.2.0/24'],
      internalTrafficPolicy: 'Local',
      annotations: { a: 'b' },
      labels: { c: 'd' },
    },
    headless: { portName: 'memcached-client', annotations: { a: 'b' }, labels: { c: 'd' } },
    metrics: {
      service: { annotations: { a: 'b' }, labels: { c: 'd' } },
      serviceMonitor: {
        enabled: true,
        namespace: 'monitoring',
        labels: { release: 'prometheus' },
        interval: '15s',
        scrapeTimeout: '5s',
        namespacedJob: true,
        sampleLimit: 5000,
        honorLabels: true,
        relabelings: [{ action: 'labeldrop', regex: 'pod' }],
        metricRelabelings: [{ action: 'drop', regex: 'nodejs_.*', sourceLabels: ['__name__'] }],
      },
      prometheusRule: {
        enabled: true,
        namespace: 'monitoring',
        labels: { release: 'prometheus' },
        alertLabels: { team: 'shop' },
        disabledAlerts: ['MemcKvVersionDrift'],
        overrides: { MemcKvDown: { for: '5m', severity: 'warning' } },
        runbookUrl: 'https://runbooks.example/memc-kv',
        additionalGroups: [{ name: 'own', rules: [{ record: 'a:b', expr: '1' }] }],
      },
      dashboard: { enabled: true, namespace: 'monitoring', folder: 'Caches' },
    },
    networkPolicy: {
      collector: [{ namespaceSelector: {} }],
      extraIngress: [{ ports: [{ port: 9999, protocol: 'TCP' }] }],
      extraEgress: [{ ports: [{ port: 9999, protocol: 'TCP' }] }],
    },
    autoscaling: { enabled: true, minReplicas: 3, maxReplicas: 5 },
    serviceAccount: { name: 'kv', annotations: { a: 'b' } },
    podAnnotations: { a: 'b' },
    podLabels: { c: 'd' },
    topologySpreadConstraints: [
      {
        maxSkew: 2,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'DoNotSchedule',
        labelSelector: { matchLabels: { c: 'd' } },
      },
    ],
    nodeSelector: { disk: 'any' },
    tolerations: [{ key: 'cache', operator: 'Exists' }],
    affinity: { podAntiAffinity: {} },
    priorityClassName: 'high',
    runtimeClassName: 'runc',
    schedulerName: 'default-scheduler',
    extraEnv: [{ name: 'TZ', value: 'UTC' }],
    extraEnvFrom: [{ configMapRef: { name: 'more', optional: true } }],
    extraVolumes: [{ name: 'more', emptyDir: {} }],
    extraVolumeMounts: [{ name: 'more', mountPath: '/more' }],
    initContainers: [restricted('first')],
    extraContainers: [restricted('beside')],
    extraManifests: [
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: '{{ .Release.Name }}-own' },
        data: { a: 'b' },
      },
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ include "memc-kv.fullname" . }}-text\n',
    ],
  },
  bare: {
    nameOverride: 'kv',
    serviceAccount: { create: false },
    networkPolicy: { enabled: false },
    metrics: { service: { enabled: false } },
    tests: { enabled: false },
    shutdown: { preStop: 0, drain: 0, terminationGracePeriodSeconds: 60 },
    updateStrategy: { type: 'OnDelete' },
    service: { type: 'NodePort' },
  },
}

export const KUBERNETES_VERSIONS = [KUBERNETES_LOWEST, KUBERNETES_HIGHEST] as const

function restricted(name: string): unknown {
  return {
    name,
    image: 'example/image:1',
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  }
}
