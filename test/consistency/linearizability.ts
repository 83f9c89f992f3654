/**
 * Whether a history of operations on one object can be put into one order that the object's model
 * allows and that agrees with real time: the search of Wing and Gong, with Lowe's memory of the
 * configurations that were seen.
 *
 * A history is a list of lanes. A lane is one connection, whose commands the server carries out in the
 * order they were sent, also when many of them are under way at once. So a configuration is how far each
 * lane has come, and the state.
 */
export interface Operation {
  /** Before the first byte was sent, by a clock that all clients share. */
  readonly invoked: number
  /** After it was known to be done; Infinity when that was never learnt, and then it may never have been. */
  readonly returned: number
}

export interface Model<State, Op extends Operation> {
  readonly initial: State
  /** The states after this operation with the outcome it had; none when the outcome was impossible. */
  step(state: State, operation: Op): readonly State[]
  /** The same text for the same state and for no other. */
  identify(state: State): string
  /** This operation, with the outcome it had, leaves every state as it was. */
  isPassive(operation: Op): boolean
  /**
   * Operations with a rank can only be done in ascending order of it: the step refuses any other. Infinity
   * is none. It finds nothing that the steps would not, only sooner.
   */
  rank(operation: Op): number
}

export type Verdict<Op> =
  | {
      readonly kind: 'linearizable'
      readonly order: readonly Op[]
      readonly configurations: number
    }
  | { readonly kind: 'violation'; readonly stuck: Stuck<Op> }
  | {
      readonly kind: 'undecided'
      readonly stuck: Stuck<Op>
      readonly configurations: number
    }

/** The furthest that any order came, for whoever has to find out why. */
export interface Stuck<Op> {
  readonly order: readonly Op[]
  readonly state: string
  /** What each lane wanted to do next. */
  readonly next: readonly Op[]
}

/** Memory and time of a search that will not end: each takes some hundred bytes. */
export const CONFIGURATIONS_MAX = 500_000

interface Move<State> {
  readonly lane: number
  readonly state: State
  readonly identity: string
}

interface Frame<State> {
  readonly moves: readonly Move<State>[]
  tried: number
}

export function checkLinearizable<State, Op extends Operation>(
  model: Model<State, Op>,
  lanes: readonly (readonly Op[])[],
  configurationsMax = CONFIGURATIONS_MAX,
): Verdict<Op> {
  return new Search(model, lanes, configurationsMax).run()
}

class Search<State, Op extends Operation> {
  readonly #model: Model<State, Op>
  readonly #lanes: readonly (readonly Op[])[]
  readonly #configurationsMax: number
  /** How many operations of each lane have been put in order. */
  readonly #taken: number[]
  /** For each lane and how far it has come, the lowest rank of what is left. */
  readonly #ranksLeft: readonly (readonly number[])[]
  readonly #seen = new Set<string>()
  readonly #order: Op[] = []
  #stuck: Stuck<Op> = { order: [], state: '', next: [] }

  constructor(
    model: Model<State, Op>,
    lanes: readonly (readonly Op[])[],
    configurationsMax: number,
  ) {
    this.#model = model
    this.#lanes = lanes.map(orderedLane)
    this.#configurationsMax = configurationsMax
    this.#taken = lanes.map(() => 0)
    this.#ranksLeft = this.#lanes.map((lane) => lowestFrom(lane.map((one) => model.rank(one))))
  }

  run(): Verdict<Op> {
    const { initial } = this.#model
    const path: Frame<State>[] = [this.#frame(initial, this.#model.identify(initial))]
    for (;;) {
      const configurations = this.#seen.size
      if (this.#isComplete()) return { kind: 'linearizable', order: this.#order, configurations }
      if (configurations > this.#configurationsMax) {
        return { kind: 'undecided', stuck: this.#stuck, configurations }
      }
      const frame = path.at(-1)!
      const move = frame.moves[frame.tried]
      if (move === undefined) {
        path.pop()
        const before = path.at(-1)
        if (before === undefined) return { kind: 'violation', stuck: this.#stuck }
        this.#undo(before.moves[before.tried - 1]!)
        continue
      }
      frame.tried++
      this.#order.push(this.#lanes[move.lane]![this.#taken[move.lane]!++]!)
      const configuration = `${this.#taken.join()} ${move.identity}`
      if (this.#seen.has(configuration)) {
        this.#undo(move)
        continue
      }
      this.#seen.add(configuration)
      path.push(this.#frame(move.state, move.identity))
    }
  }

  #undo(move: Move<State>): void {
    this.#taken[move.lane]!--
    this.#order.pop()
  }

  /** What is left may all never have happened. */
  #isComplete(): boolean {
    return this.#lanes.every((lane, at) => {
      const head = lane[this.#taken[at]!]
      return head === undefined || head.returned === Number.POSITIVE_INFINITY
    })
  }

  #frame(state: State, identity: string): Frame<State> {
    const moves = this.#moves(state, identity)
    if (this.#order.length >= this.#stuck.order.length) {
      const next = this.#lanes.flatMap((lane, at) => lane[this.#taken[at]!] ?? [])
      this.#stuck = { order: [...this.#order], state: identity, next }
    }
    return { moves, tried: 0 }
  }

  /**
   * Each lane's next operation may come now, unless another that is not yet in order had returned
   * before it was invoked. A passive one that fits can come at once without the others: wherever else an
   * order has it, it can be moved here, and nobody sees a difference.
   */
  #moves(state: State, identity: string): readonly Move<State>[] {
    const heads = this.#lanes.map((lane, at) => lane[this.#taken[at]!])
    let firstReturn = Number.POSITIVE_INFINITY
    for (const head of heads)
      if (head !== undefined) firstReturn = Math.min(firstReturn, head.returned)
    const lowest = Math.min(...this.#ranksLeft.map((ranks, at) => ranks[this.#taken[at]!]!))
    const moves: (Move<State> & { readonly returned: number })[] = []
    for (const [lane, head] of heads.entries()) {
      if (head === undefined || head.invoked > firstReturn) continue
      const rank = this.#model.rank(head)
      if (rank > lowest && rank !== Number.POSITIVE_INFINITY) continue
      for (const next of this.#model.step(state, head)) {
        const move = {
          lane,
          state: next,
          identity: this.#model.identify(next),
          returned: head.returned,
        }
        if (move.identity === identity && this.#model.isPassive(head)) return [move]
        moves.push(move)
      }
    }
    return moves.sort((left, right) => left.returned - right.returned)
  }
}

/** Of each place in the list, the lowest from there to the end; Infinity behind the end. */
function lowestFrom(numbers: readonly number[]): number[] {
  const lowest = [...numbers, Number.POSITIVE_INFINITY]
  for (let at = numbers.length - 1; at >= 0; at--) {
    lowest[at] = Math.min(lowest[at]!, lowest[at + 1]!)
  }
  return lowest
}

/** An operation is done no later than those after it in its lane, and begins no earlier than those before. */
function orderedLane<Op extends Operation>(lane: readonly Op[]): readonly Op[] {
  for (let at = 1; at < lane.length; at++) {
    const before = lane[at - 1]!
    const { invoked, returned } = lane[at]!
    if (invoked < before.invoked || returned < before.returned) {
      throw new Error('a lane is not in the order in which it was sent and answered')
    }
  }
  return lane
}
