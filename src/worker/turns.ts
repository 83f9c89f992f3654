/** Who may have to wait for its turn. */
export interface TurnTaker {
  takeTurn(): void
}

/**
 * Connections that used up their turn. They go on right after the loop has looked at the other
 * sockets once, each for one more turn.
 */
export class Turns {
  #waiting: TurnTaker[] = []
  #running: TurnTaker[] = []
  #scheduled = false
  readonly #run = (): void => this.#takeTurns()

  add(connection: TurnTaker): void {
    this.#waiting.push(connection)
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(this.#run)
  }

  #takeTurns(): void {
    this.#scheduled = false
    const running = this.#waiting
    this.#waiting = this.#running
    this.#running = running
    for (const connection of running) connection.takeTurn()
    running.length = 0
  }
}
