import { ATTACKS } from './attacks.ts'
import { tally } from './crowd.ts'

/**
 * The attacking clients, in a process of their own: attacker.ts NAME PORT SIDECAR. Begins at once,
 * says what it has done when the parent asks, and ends when the parent goes.
 */
const [, , name = '', port = '', sidecar = ''] = process.argv
process.on('message', () => process.send?.(tally))
process.on('disconnect', () => process.exit(0))
const attack = ATTACKS.find((found) => found.name === name)
if (attack === undefined) throw new Error(`no attack is called ${name}`)
await attack.run({ port: Number(port), sidecar: Number(sidecar) })
