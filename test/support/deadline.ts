/** How long the tests wait for anything at all. Far above what is needed, so that only a hang meets it. */
export const DEADLINE_MILLISECONDS = 15_000

/** Rejects when the promise has not settled in time; the timer never keeps the process alive. */
export async function within<T>(
  promise: Promise<T>,
  what: () => string,
  milliseconds: number = DEADLINE_MILLISECONDS,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`deadline of ${milliseconds} ms passed: ${what()}`))
    }, milliseconds)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

/** Asks again and again until the answer is neither null nor false, or the deadline has passed. */
export async function until<T>(
  ask: () => Promise<T | null | false> | T | null | false,
  what: () => string,
  milliseconds: number = DEADLINE_MILLISECONDS,
): Promise<T> {
  const end = performance.now() + milliseconds
  for (;;) {
    const answer = await ask()
    if (answer !== null && answer !== false) return answer
    if (performance.now() > end) throw new Error(`deadline of ${milliseconds} ms passed: ${what()}`)
    await pause(10)
  }
}
