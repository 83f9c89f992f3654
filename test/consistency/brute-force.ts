import type { Model, Operation } from './linearizability.ts'

/**
 * The same question as linearizability.ts answers, by trying every order that real time and the lanes
 * allow, with no short cuts: for small histories only.
 */
export function bruteForce<State, Op extends Operation>(
  model: Model<State, Op>,
  lanes: readonly (readonly Op[])[],
): boolean {
  return anyOrder(model, model.initial, lanes)
}

function anyOrder<State, Op extends Operation>(
  model: Model<State, Op>,
  state: State,
  lanes: readonly (readonly Op[])[],
): boolean {
  const left = lanes.flat()
  if (left.every(({ returned }) => returned === Number.POSITIVE_INFINITY)) return true
  return lanes.some((lane, at) => {
    const [head, ...rest] = lane
    if (head === undefined || left.some(({ returned }) => returned < head.invoked)) return false
    const after = lanes.with(at, rest)
    return model.step(state, head).some((next) => anyOrder(model, next, after))
  })
}
