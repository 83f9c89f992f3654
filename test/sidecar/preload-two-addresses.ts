import promises from 'node:dns/promises'
import { syncBuiltinESMExports } from 'node:module'
import { mock } from 'node:test'
import { TWO_ADDRESSES } from './two-addresses.ts'

/** Preloaded into a server: localhost is two addresses, as it is where there is ::1 beside 127.0.0.1. */
mock.method(promises, 'lookup', async () =>
  TWO_ADDRESSES.map((address) => ({ address, family: 4 })),
)
syncBuiltinESMExports()
