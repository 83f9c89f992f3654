import { readFileSync } from 'node:fs'
import { Authority, tlsFlags } from '../support/certificates.ts'
import type { Mode, Shape } from '../support/transcript.ts'
import { runTranscripts } from '../support/transcript.ts'
import { transcripts } from './transcripts/all.ts'

/** The same bytes through TLS, on accepted handles and on what Node documents. */
function shape(name: string, flags: readonly string[], modes: readonly Mode[]): Shape {
  return {
    name,
    modes,
    options: (scope) => {
      const authority = new Authority(scope)
      return {
        flags: [...tlsFlags(authority.pair('server')), ...flags],
        tls: { ca: readFileSync(authority.file) },
      }
    },
  }
}

runTranscripts(transcripts, [
  shape('TLS on handles, 2 workers', ['-t', '2'], ['whole', 'pipelined']),
  shape('TLS on streams, 1 worker', ['-t', '1', '--listen.rawSockets=false'], ['whole']),
])
