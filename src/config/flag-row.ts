/** One flag of the command line: memcached's own, and the few of ours. */
export interface FlagRow {
  /** One letter, or '' for a flag that is only long. */
  readonly short: string
  /** '' for a flag that is only short. */
  readonly long: string
  /** What follows the flag, for the help; '' takes nothing. */
  readonly argument: string
  /** An argument may be missing, and then only `--long=value` gives one. */
  readonly argumentOptional?: true
  /** The setting it changes, '' for none. */
  readonly key: string
  readonly doc: string
  /** Not shown in the help: what is refused. */
  readonly hidden?: true
  readonly apply: (sink: FlagSink, text: string) => void
}

export type FlagAction = 'run' | 'help' | 'version' | 'license' | 'print-config'

/** What a row may do with its argument. */
export interface FlagSink {
  /** Set a key; `raw` goes through the setting's own format, `text` is what was written. */
  set(key: string, raw: unknown): void
  note(text: string): void
  /** Throws: the flag exists, but not here, or its argument makes no sense. */
  refuse(why: string): never
  action(action: FlagAction): void
  configFile(path: string): void
  moreVerbose(level: number): void
  extended(text: string): void
}

/** One name of memcached's -o list. */
export interface ExtendedOption {
  readonly name: string
  /** What follows `=`, for the help; '' nothing. */
  readonly argument: string
  readonly argumentOptional?: true
  /** The setting it changes, '' for none. */
  readonly key: string
  /** '' for what has no effect. */
  readonly doc: string
  /** Not shown in the help. */
  readonly hidden?: true
  readonly apply: (sink: FlagSink, text: string) => void
}
