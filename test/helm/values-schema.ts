import { parse } from 'yaml'
import { settings } from '../../src/config/schema.ts'

/** A JSON Schema (draft 7), as far as this chart needs it. */
export interface Schema {
  readonly $schema?: string
  readonly title?: string
  readonly type?: string | readonly string[]
  readonly enum?: readonly string[]
  readonly const?: string
  readonly oneOf?: readonly Schema[]
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly items?: Schema
  readonly maxItems?: number
  readonly uniqueItems?: boolean
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema | false
}

/**
 * values.schema.json, made from values.yaml: an object allows the keys it has there and no others, and
 * a leaf is of the type of its default unless RULES says more. The server's own settings come from the
 * server's schema.
 */
export function schemaOf(valuesText: string): Schema {
  const root = objectSchema(parse(valuesText) as Record<string, unknown>, '')
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the memc-kv chart',
    ...root,
  }
}

const text: Schema = { type: 'string' }
const boolean: Schema = { type: 'boolean' }
const words = (...allowed: string[]): Schema => ({ type: 'string', enum: allowed })
const whole = (minimum: number, maximum?: number): Schema =>
  maximum === undefined ? { type: 'integer', minimum } : { type: 'integer', minimum, maximum }
const pattern = (source: string): Schema => ({ type: 'string', pattern: source })
const mapOf = (additionalProperties: Schema): Schema => ({ type: 'object', additionalProperties })
const listOf = (items: Schema): Schema => ({ type: 'array', items })
const closed = (properties: Readonly<Record<string, Schema>>, required?: string[]): Schema => ({
  type: 'object',
  additionalProperties: false,
  ...(required === undefined ? {} : { required }),
  properties,
})

/** An object of Kubernetes or of the Prometheus Operator, which they check and this chart hands on. */
export const FOREIGN: Schema = { type: 'object' }

const stringMap = mapOf(text)
const name = pattern('^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$')
const quantity: Schema = { type: ['string', 'number'], pattern: '^([0-9]+(\\.[0-9]+)?m?)?$' }
/** No more digits than can be computed with. */
const memory: Schema = {
  type: ['string', 'integer'],
  pattern: '^([1-9][0-9]{0,14}|[1-9][0-9]{0,6}(k|M|G|Ki|Mi|Gi))?$',
  maximum: 999_999_999_999_999,
}
const seLinux = closed({ level: text, role: text, type: text, user: text })
const seccomp = closed({ type: text, localhostProfile: text })
const identity = {
  runAsGroup: whole(0),
  runAsNonRoot: boolean,
  runAsUser: whole(0),
  seLinuxOptions: seLinux,
  seccompProfile: seccomp,
  appArmorProfile: seccomp,
}
const quantities = closed({ cpu: quantity, memory })
const allQuantities = closed({ cpu: quantity, memory }, ['cpu', 'memory'])
const prometheusDuration = pattern('^(([0-9]+(ms|s|m|h|d))+)?$')
const port = whole(1, 65535)

/** Settings of the server that other values decide, and those that make no sense in a pod. */
const DECIDED_ELSEWHERE =
  /^(listen|sidecar|auth|process|shutdown|compat)\.|^tls\.(enabled|certFile|keyFile|keyFormat|caFile|verify)$|^(memory\.limit|items\.maxSize|connections\.max|workers\.count|traces\.enabled|commands\.debug)$/

/** What a default does not tell, by path. */
const RULES: Readonly<Record<string, Schema>> = {
  // Whatever a parent chart has there.
  global: {
    type: 'object',
    properties: {
      imageRegistry: text,
      imagePullSecrets: listOf({ type: ['string', 'object'] }),
    },
  },
  nameOverride: name,
  fullnameOverride: { ...pattern('^([a-z]([-a-z0-9]*[a-z0-9])?)?$'), maxLength: 45 },
  commonLabels: stringMap,
  commonAnnotations: stringMap,
  'image.repository': { type: 'string', minLength: 1 },
  'image.digest': pattern('^(sha256:[0-9a-f]{64})?$'),
  'image.pullPolicy': words('Always', 'IfNotPresent', 'Never'),
  imagePullSecrets: listOf({ type: ['string', 'object'] }),
  topology: words('single', 'sharded'),
  replicas: whole(0),
  'cache.memory': pattern('^([89]|[1-9][0-9]{1,4})Mi$|^[1-9][0-9]?Gi$'),
  'cache.workers': whole(1, 128),
  'cache.connections': whole(1, 1_000_000),
  'cache.maxItemSize': pattern('^[1-9][0-9]{0,7}(Ki|Mi)$'),
  settings: settingsSchema(),
  'auth.users': {
    ...listOf(
      closed(
        {
          name: pattern('^[^:\\s]+$'),
          password: pattern('^[^\\r\\n]+$'),
        },
        ['name', 'password'],
      ),
    ),
    maxItems: 8,
  },
  'auth.format': words('plain', 'permissions'),
  'auth.existingSecret': text,
  'auth.existingSecretKey': { type: 'string', minLength: 1 },
  'tls.certificate.clusterDomain': pattern('^([a-z0-9]([-a-z0-9.]{0,200}[a-z0-9])?)?$'),
  'tls.certificate.issuerRef': closed({ name: text, kind: text, group: text }),
  'tls.certificate.dnsNames': listOf(text),
  'tls.certificate.duration': pattern('^(([0-9]+(h|m|s))+)?$'),
  'tls.certificate.renewBefore': pattern('^(([0-9]+(h|m|s))+)?$'),
  'tls.clientCertificates': words('none', 'request', 'require'),
  'sidecar.tokensKey': { type: 'string', minLength: 1 },
  'sidecar.tokenKey': { type: 'string', minLength: 1 },
  'tracing.endpoint': pattern('^(https?://.+)?$'),
  'tracing.protocol': words('http/protobuf', 'http/json', 'grpc'),
  'tracing.sampler': words(
    '',
    'always_on',
    'always_off',
    'traceidratio',
    'parentbased_always_on',
    'parentbased_always_off',
    'parentbased_traceidratio',
  ),
  resources: closed({ requests: allQuantities, limits: allQuantities }, ['requests', 'limits']),
  'shutdown.preStop': whole(0, 3600),
  'shutdown.delay': whole(0, 3600),
  'shutdown.drain': whole(0, 3600),
  'shutdown.grace': whole(0, 3600),
  'startupProbe.custom': FOREIGN,
  'livenessProbe.custom': FOREIGN,
  'readinessProbe.custom': FOREIGN,
  ...probeNumbers('startupProbe', 'livenessProbe', 'readinessProbe'),
  'updateStrategy.type': words('RollingUpdate', 'OnDelete'),
  minReadySeconds: { oneOf: [{ const: 'auto' }, whole(0)] },
  'service.type': words('ClusterIP', 'NodePort', 'LoadBalancer'),
  'service.port': port,
  'service.nodePort': whole(0, 65535),
  'service.loadBalancerSourceRanges': listOf(text),
  'service.internalTrafficPolicy': words('Cluster', 'Local'),
  'service.ipFamilyPolicy': words('', 'SingleStack', 'PreferDualStack', 'RequireDualStack'),
  'service.ipFamilies': { ...listOf(words('IPv4', 'IPv6')), maxItems: 2, uniqueItems: true },
  'headless.portName': pattern('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$'),
  'metrics.serviceMonitor.jobLabel': { type: 'string', minLength: 1 },
  'metrics.podMonitor.jobLabel': { type: 'string', minLength: 1 },
  'metrics.serviceMonitor.interval': prometheusDuration,
  'metrics.podMonitor.interval': prometheusDuration,
  'metrics.serviceMonitor.scrapeTimeout': prometheusDuration,
  'metrics.podMonitor.scrapeTimeout': prometheusDuration,
  'metrics.serviceMonitor.relabelings': listOf(FOREIGN),
  'metrics.podMonitor.relabelings': listOf(FOREIGN),
  'metrics.serviceMonitor.metricRelabelings': listOf(FOREIGN),
  'metrics.podMonitor.metricRelabelings': listOf(FOREIGN),
  'metrics.prometheusRule.disabledAlerts': listOf(text),
  'metrics.prometheusRule.overrides': mapOf(closed({ expr: text, for: text, severity: text })),
  'metrics.prometheusRule.additionalGroups': listOf(FOREIGN),
  'metrics.dashboard.labels': stringMap,
  'podDisruptionBudget.maxUnavailable': whole(1),
  'networkPolicy.clients': listOf(FOREIGN),
  'networkPolicy.metrics': listOf(FOREIGN),
  'networkPolicy.collector': listOf(FOREIGN),
  'networkPolicy.collectorPort': whole(0, 65535),
  'networkPolicy.extraIngress': listOf(FOREIGN),
  'networkPolicy.extraEgress': listOf(FOREIGN),
  'autoscaling.minReplicas': whole(1),
  'autoscaling.maxReplicas': whole(1),
  'autoscaling.targetWorkerUtilizationPercentage': whole(1, 100),
  podSecurityContext: closed({
    ...identity,
    fsGroup: whole(0),
    fsGroupChangePolicy: words('Always', 'OnRootMismatch'),
    supplementalGroups: listOf(whole(0)),
    supplementalGroupsPolicy: words('Merge', 'Strict'),
    sysctls: listOf(closed({ name: text, value: text })),
  }),
  containerSecurityContext: closed({
    ...identity,
    allowPrivilegeEscalation: boolean,
    capabilities: closed({ add: listOf(text), drop: listOf(text) }),
    privileged: boolean,
    procMount: text,
    readOnlyRootFilesystem: boolean,
  }),
  topologySpreadConstraints: listOf(FOREIGN),
  tolerations: listOf(FOREIGN),
  affinity: FOREIGN,
  extraEnv: listOf({ ...FOREIGN, required: ['name'] }),
  extraEnvFrom: listOf(FOREIGN),
  extraVolumes: listOf(FOREIGN),
  extraVolumeMounts: listOf(FOREIGN),
  initContainers: listOf(FOREIGN),
  extraContainers: listOf(FOREIGN),
  extraManifests: listOf({ type: ['string', 'object'] }),
  'tests.resources': closed({ requests: quantities, limits: quantities }),
}

const OPTIONAL: readonly string[] = [
  'podSecurityContext',
  'containerSecurityContext',
  'tests.resources',
  'metrics.dashboard.labels',
]

function probeNumbers(...probes: string[]): Record<string, Schema> {
  const numbers = ['periodSeconds', 'timeoutSeconds', 'failureThreshold']
  return Object.fromEntries(
    probes.flatMap((probe) => numbers.map((number) => [`${probe}.${number}`, whole(1)])),
  )
}

function objectSchema(values: Readonly<Record<string, unknown>>, path: string): Schema {
  const properties = Object.fromEntries(
    Object.entries(values).map(([key, value]) => {
      const at = path === '' ? key : `${path}.${key}`
      return [key, RULES[at] ?? leafSchema(value, at)]
    }),
  )
  const required = Object.entries(values)
    .filter(([key, value]) => !isOptional(path === '' ? key : `${path}.${key}`, value))
    .map(([key]) => key)
  // A parent chart's condition, for example `memc-kv.enabled`, which Helm itself reads.
  return closed(path === '' ? { ...properties, enabled: boolean } : properties, required)
}

/** What null, which takes a key away, leaves empty; without any other value the templates cannot do. */
function isOptional(path: string, value: unknown): boolean {
  const empty = typeof value === 'object' && value !== null && Object.keys(value).length === 0
  return empty || OPTIONAL.includes(path)
}

function leafSchema(value: unknown, path: string): Schema {
  if (typeof value === 'string') return text
  if (typeof value === 'boolean') return boolean
  if (typeof value === 'number') return whole(0)
  if (Array.isArray(value) || value === null) throw new Error(`values.yaml ${path}: needs a rule`)
  const entries = Object.keys(value as object)
  if (entries.length > 0) return objectSchema(value as Record<string, unknown>, path)
  if (!/(?:[lL]abels|[aA]nnotations|nodeSelector)$/.test(path)) {
    throw new Error(`values.yaml ${path}: needs a rule`)
  }
  return stringMap
}

/** The rest, by section and key, as the server would check them. */
function settingsSchema(): Schema {
  const sections: Record<string, Record<string, Schema>> = {}
  for (const { key, section, name, setting } of settings) {
    if (DECIDED_ELSEWHERE.test(key)) continue
    sections[section] ??= {}
    sections[section][name] = settingSchema(setting.rule.allowed)
  }
  return closed(Object.fromEntries(Object.entries(sections).map(([key, of]) => [key, closed(of)])))
}

/** What the server says is allowed, as a schema; sizes and times of day are left to the server's own eye. */
function settingSchema(allowed: string): Schema {
  if (allowed === 'true or false') return boolean
  const range = /^a whole number from (-?\d+) to (\d+)/.exec(allowed)
  if (range !== null) return whole(Number(range[1]), Number(range[2]))
  if (allowed.startsWith('a size')) {
    return { type: ['string', 'integer'], pattern: '^[0-9]+([kKmMgG]?[iI]?[bB]?)$' }
  }
  if (allowed.startsWith('a duration')) {
    return { type: ['string', 'integer'], pattern: '^[0-9]+(ms|s|m|h)?$' }
  }
  if (/^[\w-]+(, [\w-]+)* or [\w-]+$/.test(allowed)) return words(...allowed.split(/, | or /))
  return text
}
