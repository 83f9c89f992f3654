import { LAUNCH_FLAGS, LAUNCH_TUNABLES } from '../../../src/launch.ts'
import type { Peer, ServerShape } from '../servers/peers.ts'
import { ourServer } from '../servers/peers.ts'
import type { StartSubject } from './measure.ts'

/** What is started: our server in both ways in which users start it, and each peer. */
export function startSubjects(peers: readonly Peer[], shape: ServerShape): StartSubject[] {
  const [node = '', ...rest] = ourServer().commandLine(shape)
  const ours = { hasSidecar: true } as const
  return [
    {
      ...ours,
      name: 'memc-kv',
      commandLine: [node, ...rest],
      environment: { GLIBC_TUNABLES: undefined },
    },
    {
      ...ours,
      name: 'memc-kv, as in the image',
      commandLine: [node, ...LAUNCH_FLAGS, ...rest],
      environment: { GLIBC_TUNABLES: LAUNCH_TUNABLES, NODE_DISABLE_COMPILE_CACHE: '1' },
    },
    ...peers.map(({ name, commandLine }) => ({
      name,
      commandLine: commandLine(shape),
      environment: {},
      hasSidecar: false,
    })),
  ]
}
