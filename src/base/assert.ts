/**
 * Assertions for our own mistakes. A failed assertion is a bug in memc-kv, never a client's or an
 * operator's doing, and it ends the process: a worker that is wrong about its own memory must not
 * go on answering. The throw is in a function of its own so that the caller stays small enough for
 * the compiler to inline.
 */
export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure'
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) fail(message)
}

/** For the branch of a closed union that no value can reach. */
export function unreachable(value: never): never {
  fail(`unreachable: ${String(value)}`)
}

function fail(message: string): never {
  throw new AssertionFailure(message)
}
