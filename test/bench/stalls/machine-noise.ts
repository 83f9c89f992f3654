import { readFileSync } from 'node:fs'

/** What the scheduler says about one thread so far, or between two looks at it. */
export interface ThreadTimes {
  readonly cpuMilliseconds: number
  /** Ready to run, and waiting for a processor. */
  readonly waitedMilliseconds: number
  /** Times it was put aside while it would have gone on. */
  readonly preemptions: number
}

export function threadTimes(process: number, thread: number): ThreadTimes {
  const folder = `/proc/${process}/task/${thread}`
  const [ran = '0', waited = '0'] = readFileSync(`${folder}/schedstat`, 'latin1').split(' ')
  const status = readFileSync(`${folder}/status`, 'latin1')
  return {
    cpuMilliseconds: Number(ran) / 1e6,
    waitedMilliseconds: Number(waited) / 1e6,
    preemptions: Number(/^nonvoluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1] ?? 0),
  }
}

export function timesBetween(before: ThreadTimes, after: ThreadTimes): ThreadTimes {
  return {
    cpuMilliseconds: after.cpuMilliseconds - before.cpuMilliseconds,
    waitedMilliseconds: after.waitedMilliseconds - before.waitedMilliseconds,
    preemptions: after.preemptions - before.preemptions,
  }
}

/** Milliseconds that the hypervisor gave to others while this machine had work, over all processors. */
export function stolenMilliseconds(): number {
  const [, ...ticks] =
    /^cpu +.*$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[0].split(/ +/) ?? []
  return Number(ticks[7] ?? 0) * 10
}
