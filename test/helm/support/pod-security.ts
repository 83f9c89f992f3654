import type { Untyped } from './chart.ts'

/** Volume types that the restricted standard allows. */
const VOLUMES = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
]
const SECCOMP = ['RuntimeDefault', 'Localhost']

/**
 * What a pod lacks of the Pod Security Standard "restricted", which includes "baseline". Kubernetes
 * itself judges the same pods in the tests against an API server.
 */
export function podSecurityFaults(spec: Untyped): string[] {
  const faults: string[] = []
  for (const field of ['hostNetwork', 'hostPID', 'hostIPC']) {
    if (spec[field] === true) faults.push(`${field} is true`)
  }
  for (const volume of spec.volumes ?? []) {
    const [type = 'none'] = Object.keys(volume).filter((key) => key !== 'name')
    if (!VOLUMES.includes(type)) faults.push(`volume ${volume.name} is of type ${type}`)
  }
  const pod = spec.securityContext ?? {}
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
    faults.push(...containerFaults(container, pod).map((fault) => `${container.name}: ${fault}`))
  }
  return faults
}

function containerFaults(container: Untyped, pod: Untyped): string[] {
  const own = container.securityContext ?? {}
  const { capabilities = {} } = own
  const kept = (capabilities.add ?? []).filter((name: string) => name !== 'NET_BIND_SERVICE')
  const checks: [boolean, string][] = [
    [own.privileged !== true, 'privileged'],
    [own.allowPrivilegeEscalation === false, 'allowPrivilegeEscalation is not false'],
    [(capabilities.drop ?? []).includes('ALL'), 'does not drop all capabilities'],
    [kept.length === 0, `adds capabilities ${kept}`],
    [(own.runAsNonRoot ?? pod.runAsNonRoot) === true, 'runAsNonRoot is not true'],
    [(own.runAsUser ?? pod.runAsUser) !== 0, 'runs as root'],
    [SECCOMP.includes((own.seccompProfile ?? pod.seccompProfile)?.type), 'no seccomp profile'],
    [
      (container.ports ?? []).every((port: Untyped) => port.hostPort === undefined),
      'a port of the host',
    ],
  ]
  return checks.filter(([good]) => !good).map(([, fault]) => fault)
}
