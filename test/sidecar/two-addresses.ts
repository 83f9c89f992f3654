/** What preload-two-addresses.ts makes of localhost: addresses that every machine has on which tests run. */
export const TWO_ADDRESSES = ['127.0.0.1', '127.0.0.2'] as const
