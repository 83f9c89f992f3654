import { RUNTIME } from './runtime.ts'

/**
 * The coarse clock: whole seconds that only go forward, counted from the start of the process and
 * beginning at 2, so that 0 can mean "never" and 1 "already over". Item deadlines live on this
 * clock, so a step of the wall clock neither revives nor kills anything. The wall clock is read once,
 * at start, to translate absolute times of clients and of dumps.
 */
export interface ClockStart {
  /** Unix time of relative second 0. */
  readonly unixSecondsAtZero: number
  /** Milliseconds of monotonicMilliseconds() at relative second 0. */
  readonly monotonicMillisecondsAtZero: number
}

/** Where relative time starts: small numbers have a meaning of their own. */
const SECONDS_AT_START = 2

/** Relative times up to 30 days are durations, larger ones Unix times (protocol.txt). */
export const RELATIVE_SECONDS_MAX = 60 * 60 * 24 * 30

/** Both clocks begin their seconds together, so that an absolute time is met to the millisecond. */
export function startClock(): ClockStart {
  const unixMilliseconds = Date.now()
  const intoSecond = unixMilliseconds % 1000
  return {
    unixSecondsAtZero: Math.floor(unixMilliseconds / 1000) - SECONDS_AT_START,
    monotonicMillisecondsAtZero: monotonicMilliseconds() - intoSecond - SECONDS_AT_START * 1000,
  }
}

/** Milliseconds on a clock that all threads of the process share and that never steps. */
export function monotonicMilliseconds(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}

export class CoarseClock {
  readonly #start: ClockStart
  readonly #runtime: Int32Array

  constructor(start: ClockStart, runtime: Int32Array) {
    this.#start = start
    this.#runtime = runtime
  }

  /** Relative seconds now. Allocates; call it from a timer, not per command. */
  seconds(): number {
    const elapsed = monotonicMilliseconds() - this.#start.monotonicMillisecondsAtZero
    return this.secondsAfter(Math.floor(elapsed / 1000))
  }

  /** The same for somebody who knows how many whole seconds have passed since relative second 0. */
  secondsAfter(elapsedSeconds: number): number {
    const runtime = this.#runtime
    if (runtime[RUNTIME.clockHeld] === 1) return runtime[RUNTIME.clockHeldAtSeconds] as number
    return elapsedSeconds + (runtime[RUNTIME.clockOffsetSeconds] as number)
  }

  unixSeconds(relativeSeconds: number): number {
    return this.#start.unixSecondsAtZero + relativeSeconds
  }

  get unixSecondsAtZero(): number {
    return this.#start.unixSecondsAtZero
  }
}

/**
 * A client's exptime on the relative clock: 0 never, 1 already expired.
 *
 * @param exptime seconds as sent: negative, 0, up to 30 days relative, above that Unix time
 */
export function relativeExptime(exptime: number, now: number, unixSecondsAtZero: number): number {
  if (exptime === 0) return 0
  if (exptime < 0) return 1
  if (exptime <= RELATIVE_SECONDS_MAX) return exptime + now
  const relative = exptime - unixSecondsAtZero
  return Math.max(relative, 1)
}
