import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Pair } from '../support/certificates.ts'
import { Authority, tlsFlags } from '../support/certificates.ts'
import { Client } from '../support/client.ts'
import { until } from '../support/deadline.ts'
import { Server, SuiteScope } from '../support/server.ts'
import { logIn, usersFlags, writeUsers } from '../support/users.ts'
import { authority, client, outcomeOf, own, pair, WIRES } from './tls-parts.ts'

const DENIED = 'CLIENT_ERROR permission denied\r\n'
const FIRST = 'CLIENT_ERROR unauthenticated\r\n'
const SPIFFE = 'spiffe://cluster.local/ns/shop/sa/basket'

test('a port that asks for no certificates is warned of when users have some', async (t) => {
  const path = writeUsers(t, {
    users: [{ name: 'shop', certificates: ['CN:shop'], commands: ['read'] }],
  })
  const server = await Server.start(t, {
    flags: tlsFlags(pair),
    environment: usersFlags(path),
    tls: client(),
  })
  assert.match(server.output(), /"level":"warn".*"users":1.*no client is asked for one/)
})

for (const { wire, flags } of WIRES) {
  describe(`users by certificate on ${wire}`, () => {
    const scope = new SuiteScope()
    after(() => scope.close())
    let server: Server
    before(async () => {
      const path = writeUsers(scope, {
        users: [
          { name: 'shop', certificates: ['CN:shop'], commands: ['read'] },
          { name: 'basket', certificates: [`URI:${SPIFFE}`], commands: ['all'] },
          { name: 'typed', password: 'typed', commands: ['read'] },
        ],
      })
      server = await Server.start(scope, {
        flags: [...tlsFlags(pair, 'ssl_verify_mode=1', `ssl_ca_cert=${authority.file}`), ...flags],
        environment: usersFlags(path),
        tls: client(),
      })
    })

    async function as(shown: Pair | null): Promise<Client> {
      const one = await Client.connect(server.address, shown === null ? client() : own(shown))
      scope.after(async () => one.close())
      return one
    }

    test('the common name, or another name, is the user from the first command', async () => {
      const shop = await as(authority.pair('shop'))
      shop.send('get x\r\nset x 0 0 9\r\nshop shop\r\nflush_all\r\n')
      await shop.expect(`END\r\n${DENIED}${DENIED}`)
      const basket = await as(authority.pair('anything', { names: `URI:${SPIFFE}` }))
      basket.send('set x 0 0 1\r\nv\r\nflush_all\r\n')
      await basket.expect('STORED\r\nOK\r\n')
      const line = /"user":"basket","address":"[^"]+","by":"certificate"/
      await until(
        () => line.test(server.output()),
        () => server.output(),
      )
    })

    test('whoever shows none, or one of nobody, has to say who it is', async () => {
      for (const shown of [null, authority.pair('stranger'), authority.pair('basket')]) {
        const one = await as(shown)
        one.send('get x\r\n')
        await one.expect(FIRST)
        await logIn(one, 'typed')
        one.send('get x\r\nflush_all\r\n')
        await one.expect(`END\r\n${DENIED}`)
      }
    })

    test('a certificate of another authority is nobody, whatever it says', async () => {
      const forged = new Authority(scope).pair('shop')
      const outcome = await outcomeOf(server.address, own(forged))
      assert.doesNotMatch(outcome, /VERSION/)
    })
  })
}
