import type { Transcripts } from '../../support/transcript.ts'

export const stats: Transcripts = {
  'an unknown subcommand is ERROR': [
    ['stats foo', 'ERROR'],
    ['stats noreply', 'ERROR'],
    ['stats itemsx', 'ERROR'],
  ],
  'stats detail': [
    ['stats detail', 'CLIENT_ERROR usage: stats detail on|off|dump'],
    ['stats detail x', 'CLIENT_ERROR usage: stats detail on|off|dump'],
  ],
  'stats cachedump': [
    ['stats cachedump', 'CLIENT_ERROR bad command line'],
    ['stats cachedump 1', 'CLIENT_ERROR bad command line'],
    ['stats cachedump x 1', 'CLIENT_ERROR bad command line format'],
    ['stats cachedump 1 x', 'CLIENT_ERROR bad command line format'],
    ['stats cachedump 64 1', 'CLIENT_ERROR Illegal slab id'],
    ['stats cachedump 63 1', 'END'],
  ],
  'stats sizes is off by default': [['stats sizes', 'STAT sizes_status disabled\nEND']],
}
