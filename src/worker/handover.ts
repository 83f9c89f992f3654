import { timingSafeEqual } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { assert } from '../base/assert.ts'
import type { HandoverStart } from '../base/messages.ts'
import { nodeBinding } from '../base/node-binding.ts'
import { COUNTER, counterBlock } from '../telemetry/counters.ts'
import type { RawHandle } from './raw-wire.ts'

/** Clients on their way to one other worker; beyond it a worker keeps what it accepts. */
export const CLIENTS_UNDER_WAY_MAX = 64

/** A worker may have an eighth more connections than the one with the fewest before it passes one on. */
const SLACK_SHIFT = 3

/**
 * A client is one byte of a message: where it came in, and whether this is the second time that it
 * is passed on. Two workers that accept at the same moment may choose the same third one, which then
 * chooses again; there is no third time.
 */
const ENTRANCE_MAX = 127
const SECOND_TIME = 128

const CONNECT_ATTEMPTS_MAX = 1000
const CONNECT_PAUSE_MILLISECONDS = 2

/** Reads of a channel: a secret at its beginning, then a byte for each client. */
const READ_BYTES = 256

export interface HandoverOptions {
  readonly index: number
  readonly count: number
  readonly start: HandoverStart
  readonly counters: SharedArrayBuffer
  /** A client that another worker accepted at the entrance of that number. */
  readonly receive: (handle: RawHandle, entrance: number) => void
}

/**
 * The kernel spreads connections over the workers by a hash of their addresses (SO_REUSEPORT), so
 * with few of them one worker has twice its share and another none; and a unix socket has one
 * listener only. Therefore a worker that accepts a client while another has fewer passes it on,
 * before anything is read from it.
 *
 * A socket goes from thread to thread as descriptors go between processes: as a message with
 * SCM_RIGHTS over a unix socket (unix(7)), of which each worker has one to each other. The names of
 * these sockets are abstract and last for the start only; whoever connects must know a secret.
 *
 * Of Node this takes two undocumented bindings, which its own cluster module works with. Where they
 * are missing, or a channel is not to be had, everybody keeps what he accepts.
 */
export class Handover {
  readonly #options: HandoverOptions
  readonly #parts: PipeParts
  /** Of each worker, COUNTER.connections is what it has now. */
  readonly #blocks: readonly Float64Array[]
  readonly #channels: (Channel | null)[]
  readonly #incoming: IncomingChannel[] = []
  #server: PipeHandle | null = null

  /** Resolves when this worker can pass clients to all others; null when it cannot. */
  static async open(options: HandoverOptions): Promise<Handover | null> {
    const parts = loadParts()
    if (parts === null) return null
    const handover = new Handover(options, parts)
    return handover.#listen() && (await handover.#connectAll()) ? handover : null
  }

  private constructor(options: HandoverOptions, parts: PipeParts) {
    this.#options = options
    this.#parts = parts
    this.#blocks = Array.from({ length: options.count }, (_, index) =>
      counterBlock(options.counters, index),
    )
    this.#channels = new Array<Channel | null>(options.count).fill(null)
  }

  /** True when the client now belongs to another worker, which has fewer. */
  pass(handle: RawHandle, entrance: number): boolean {
    return entrance <= ENTRANCE_MAX && this.#send(handle, entrance)
  }

  #send(handle: RawHandle, letter: number): boolean {
    const target = this.#lightest()
    if (target < 0) return false
    const channel = this.#channels[target]
    if (channel === null || channel === undefined) return false
    const { coming } = this.#options.start
    Atomics.add(coming, target, 1)
    if (!channel.send(handle, letter)) {
      Atomics.sub(coming, target, 1)
      return false
    }
    this.#blocks[this.#options.index]![COUNTER.connectionsPassed]!++
    return true
  }

  /** The worker with the fewest connections, -1 when this one has hardly more than that. */
  #lightest(): number {
    const { index: own, count, start } = this.#options
    let lightest = -1
    let least = this.#load(own)
    const mine = least
    // Beginning behind oneself, so that workers that are equal get their turn.
    for (let step = 1; step < count; step++) {
      const other = (own + step) % count
      const load = this.#load(other) + start.coming[other]!
      if (load >= least) continue
      least = load
      lightest = other
    }
    return mine > least + (least >> SLACK_SHIFT) ? lightest : -1
  }

  /** Clients that it has let in, and those in the middle of a handshake. */
  #load(worker: number): number {
    const block = this.#blocks[worker]!
    return block[COUNTER.connections]! + block[COUNTER.tlsHandshaking]!
  }

  #receive(handle: RawHandle, letter: number): void {
    const { index, start, receive } = this.#options
    Atomics.sub(start.coming, index, 1)
    const isPassed = letter < SECOND_TIME && this.#send(handle, letter | SECOND_TIME)
    if (!isPassed) receive(handle, letter & ENTRANCE_MAX)
  }

  /** It could not be sent, and the way there is not to be trusted any more. */
  #takeBack(target: number, handle: RawHandle, letter: number): void {
    const { start, receive } = this.#options
    this.#channels[target] = null
    Atomics.sub(start.coming, target, 1)
    receive(handle, letter & ENTRANCE_MAX)
  }

  #lose(clients: number): void {
    Atomics.sub(this.#options.start.coming, this.#options.index, clients)
  }

  #listen(): boolean {
    const { index, count, start } = this.#options
    const server = new this.#parts.Pipe(this.#parts.constants.SERVER)
    this.#server = server
    server.unref()
    if (server.bind(nameOf(start, index)) !== 0 || server.listen(count) !== 0) return false
    server.onconnection = (status, pipe) => {
      if (status === 0 && pipe !== undefined) this.#accept(pipe)
    }
    return true
  }

  #accept(pipe: PipeHandle): void {
    if (this.#incoming.length >= this.#options.count) {
      // Somebody who says nothing must not keep a worker out.
      this.#incoming.find((channel) => !channel.isKnown)?.refuse()
    }
    const incoming = new IncomingChannel(this.#parts, pipe, {
      secret: Buffer.from(this.#options.start.secret),
      onKnown: () => this.#closeWhenComplete(),
      onStranger: () => this.#incoming.splice(this.#incoming.indexOf(incoming), 1),
      onClient: (handle, letter) => this.#receive(handle, letter),
      onLost: (clients) => this.#lose(clients),
    })
    this.#incoming.push(incoming)
  }

  /** When all others are connected nobody else is to come. */
  #closeWhenComplete(): void {
    const known = this.#incoming.filter((channel) => channel.isKnown).length
    if (known < this.#options.count - 1) return
    this.#server?.close()
    this.#server = null
  }

  async #connectAll(): Promise<boolean> {
    const { index, count, start } = this.#options
    for (let other = 0; other < count; other++) {
      if (other === index) continue
      const pipe = await connectTo(this.#parts, nameOf(start, other))
      if (pipe === null) return false
      pipe.unref()
      const channel = new Channel(this.#parts, pipe, (handle, letter) =>
        this.#takeBack(other, handle, letter),
      )
      if (!channel.introduce(start.secret)) return false
      this.#channels[other] = channel
    }
    return true
  }
}

/** The way to one other worker. */
class Channel {
  readonly #parts: PipeParts
  readonly #pipe: PipeHandle
  readonly #onFailed: (handle: RawHandle, letter: number) => void
  #underWay = 0

  constructor(
    parts: PipeParts,
    pipe: PipeHandle,
    onFailed: (handle: RawHandle, letter: number) => void,
  ) {
    this.#parts = parts
    this.#pipe = pipe
    this.#onFailed = onFailed
  }

  introduce(secret: Uint8Array): boolean {
    const request = new this.#parts.WriteWrap()
    request.oncomplete = () => {}
    return this.#pipe.writeBuffer(request, Buffer.from(secret)) === 0
  }

  send(handle: RawHandle, letter: number): boolean {
    if (this.#underWay >= CLIENTS_UNDER_WAY_MAX) return false
    const request = new this.#parts.WriteWrap()
    request.oncomplete = (status) => {
      this.#underWay--
      // The kernel has its own reference to the socket when the message is sent.
      if (status === 0) handle.close()
      else this.#onFailed(handle, letter)
    }
    request.handle = handle
    const text = String.fromCharCode(letter)
    if (this.#pipe.writeLatin1String(request, text, handle) !== 0) return false
    this.#underWay++
    return true
  }
}

interface IncomingOptions {
  readonly secret: Buffer
  readonly onKnown: () => void
  readonly onStranger: () => void
  readonly onClient: (handle: RawHandle, letter: number) => void
  readonly onLost: (clients: number) => void
}

/** The way from one other worker, if it knows the secret. */
class IncomingChannel {
  readonly #options: IncomingOptions
  readonly #parts: PipeParts
  /**
   * The accepted handle cannot take descriptors, so a second one is opened on the same socket. The
   * first stays as it is, unused and open, for as long as the process lives.
   */
  readonly #accepted: PipeHandle
  readonly #pipe: PipeHandle
  readonly #buffer = Buffer.alloc(READ_BYTES)
  readonly #introduction: Buffer
  #introductionLength = 0
  isKnown = false

  constructor(parts: PipeParts, accepted: PipeHandle, options: IncomingOptions) {
    this.#parts = parts
    this.#options = options
    this.#accepted = accepted
    this.#introduction = Buffer.alloc(options.secret.length)
    this.#pipe = new parts.Pipe(parts.constants.IPC)
    assert(this.#pipe.open(accepted.fd) === 0, 'an accepted socket can be opened')
    this.#pipe.unref()
    this.#accepted.unref()
    this.#pipe.useUserBuffer(this.#buffer)
    this.#pipe.onread = () => this.#read()
    this.#pipe.readStart()
  }

  /** At most one socket comes with each read: the kernel ends it there. */
  #read(): void {
    const { streamBaseState, kReadBytesOrError } = this.#parts
    const count = streamBaseState[kReadBytesOrError]!
    const handle = this.#pipe.pendingHandle ?? null
    this.#pipe.pendingHandle = null
    if (count < 0) this.refuse()
    const introduced = count > 0 && !this.isKnown ? this.#introduce(count) : 0
    if (!this.isKnown) {
      handle?.close()
      return
    }
    // A letter that came without its client: no descriptor was free for it, so the kernel dropped it.
    const lost = Math.max(0, count - introduced) - (handle === null ? 0 : 1)
    if (lost > 0) this.#options.onLost(lost)
    if (handle !== null) this.#options.onClient(handle, this.#buffer[count - 1]!)
  }

  /** Takes in the beginning of the channel; returns how many of the bytes belong to it. */
  #introduce(count: number): number {
    const { secret } = this.#options
    const wanted = Math.min(count, secret.length - this.#introductionLength)
    this.#buffer.copy(this.#introduction, this.#introductionLength, 0, wanted)
    this.#introductionLength += wanted
    if (this.#introductionLength < secret.length) return wanted
    if (timingSafeEqual(this.#introduction, secret)) {
      this.isKnown = true
      this.#options.onKnown()
    } else {
      this.refuse()
    }
    return wanted
  }

  /** A stranger, or the end of the process. Only one of the two handles may close the descriptor. */
  refuse(): void {
    this.#pipe.readStop()
    if (!this.isKnown) this.#accepted.close()
    this.#options.onStranger()
  }
}

async function connectTo(parts: PipeParts, name: string): Promise<PipeHandle | null> {
  for (let attempt = 0; attempt < CONNECT_ATTEMPTS_MAX; attempt++) {
    const pipe = new parts.Pipe(parts.constants.IPC)
    if ((await connectOnce(parts, pipe, name)) === 0) return pipe
    pipe.close()
    // The other worker is still loading its code.
    await sleep(CONNECT_PAUSE_MILLISECONDS)
  }
  return null
}

function connectOnce(parts: PipeParts, pipe: PipeHandle, name: string): Promise<number> {
  return new Promise((resolve) => {
    const request = new parts.PipeConnectWrap()
    request.oncomplete = resolve
    const { UV_READABLE, UV_WRITABLE } = parts.constants
    const status = pipe.connect(request, name, UV_READABLE | UV_WRITABLE)
    if (typeof status === 'number' && status !== 0) resolve(status)
  })
}

/** Abstract names begin with NUL and have no file (unix(7)). */
function nameOf(start: HandoverStart, index: number): string {
  return `\0${start.name}-${index}`
}

interface PipeHandle {
  onread: () => void
  onconnection: (status: number, pipe: PipeHandle | undefined) => void
  /** Set by Node before onread, when a descriptor came with the bytes. */
  pendingHandle?: RawHandle | null
  readonly fd: number
  bind(name: string): number
  listen(backlog: number): number
  open(fd: number): number
  connect(request: ConnectRequest, name: string, flags: number): number | undefined
  useUserBuffer(buffer: Buffer): void
  readStart(): number
  readStop(): number
  /** It does not keep the thread alive. */
  unref(): void
  writeBuffer(request: PassRequest, bytes: Buffer): number
  writeLatin1String(request: PassRequest, text: string, handle: RawHandle): number
  close(): void
}

interface ConnectRequest {
  oncomplete: (status: number) => void
}

interface PassRequest {
  oncomplete: (status: number) => void
  /** Kept from the garbage collector until it is sent. */
  handle?: RawHandle
}

interface PipeParts {
  readonly Pipe: new (kind: number) => PipeHandle
  readonly PipeConnectWrap: new () => ConnectRequest
  readonly WriteWrap: new () => PassRequest
  readonly streamBaseState: Int32Array
  readonly kReadBytesOrError: number
  readonly constants: {
    readonly SERVER: number
    readonly IPC: number
    readonly UV_READABLE: number
    readonly UV_WRITABLE: number
  }
}

function loadParts(): PipeParts | null {
  const stream = (nodeBinding('stream_wrap') ?? {}) as Partial<PipeParts>
  const pipe = (nodeBinding('pipe_wrap') ?? {}) as Partial<PipeParts>
  const { WriteWrap, streamBaseState, kReadBytesOrError } = stream
  const { Pipe, PipeConnectWrap, constants } = pipe
  if (WriteWrap === undefined || streamBaseState === undefined) return null
  if (kReadBytesOrError === undefined || PipeConnectWrap === undefined) return null
  if (Pipe === undefined || constants?.IPC === undefined) return null
  if (constants.UV_READABLE === undefined || constants.UV_WRITABLE === undefined) return null
  return { Pipe, PipeConnectWrap, WriteWrap, streamBaseState, kReadBytesOrError, constants }
}
