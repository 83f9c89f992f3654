/** Why nothing is parsed at the moment. */
export const HALT = {
  none: 0,
  /** The client does not read: wait until what was written is gone. */
  blocked: 1,
  /** It had its turn; the others first. */
  yielded: 2,
  /** The control thread will answer. */
  deferred: 3,
  /** The connection only receives events from here on. */
  watching: 4,
  /** Nothing more is parsed; close when all is written. */
  closing: 5,
  closed: 6,
} as const
