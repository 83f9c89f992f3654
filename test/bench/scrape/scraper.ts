/** What a Prometheus of version 2 sends. */
const ACCEPT =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
const WARM_SCRAPES = 100
const BUCKET = /^memckv_command_duration_seconds_bucket\{.*le="([^"]+)".*\} (\d+)/gm

/** Reads /metrics again and again, as a Prometheus does. */
export class Scraper {
  readonly milliseconds: number[] = []
  pageBytes = 0
  readonly #url: string
  #timer: NodeJS.Timeout | undefined
  #running: Promise<unknown> = Promise.resolve()

  constructor(url: string) {
    this.#url = url
  }

  /** Until the compiler has seen the page often enough. */
  async warmUp(): Promise<void> {
    for (let index = 0; index < WARM_SCRAPES; index++) await this.#read()
  }

  /** The first comes after half of the interval, so that a time has as many as it has intervals. */
  begin(intervalMilliseconds: number): void {
    const next = (milliseconds: number): void => {
      this.#timer = setTimeout(() => {
        next(intervalMilliseconds)
        this.#running = this.#timed()
      }, milliseconds)
    }
    next(intervalMilliseconds / 2)
  }

  async end(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#running
  }

  /** All commands together: the upper bounds in seconds, and how many took no longer. */
  async commandBuckets(): Promise<Map<number, number>> {
    const buckets = new Map<number, number>()
    for (const [, bound = '', count] of (await this.#read()).matchAll(BUCKET)) {
      const seconds = bound === '+Inf' ? Infinity : Number(bound)
      buckets.set(seconds, (buckets.get(seconds) ?? 0) + Number(count))
    }
    return buckets
  }

  async #timed(): Promise<void> {
    const begun = performance.now()
    await this.#read()
    this.milliseconds.push(performance.now() - begun)
  }

  async #read(): Promise<string> {
    const response = await fetch(this.#url, { headers: { accept: ACCEPT } })
    if (!response.ok) throw new Error(`${this.#url}: ${response.status}`)
    const page = await response.text()
    this.pageBytes = page.length
    return page
  }
}
