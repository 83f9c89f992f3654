import { runTranscripts } from '../support/transcript.ts'
import { transcripts } from './transcripts/all.ts'

/** All of them on one pair of servers: each run has keys of its own. */
runTranscripts(transcripts)
