import type { ReadStream } from 'node:tty'
import { hashPassword } from './auth/password-hash.ts'

/**
 * Makes the hash of a password for the file of users (auth.usersFile): a program of its own, so that the
 * password is in no command line. It reads the password from standard input, on a terminal twice and
 * without showing it, and writes the hash as one line.
 */

/** What a client can send for name and password together is 16384 bytes. */
const PASSWORD_BYTES_MAX = 1024

const KEY = { end: '\u0003', eof: '\u0004', backspace: '\u0008', erase: '\u007f' } as const

try {
  const password = process.stdin.isTTY ? await askTwice(process.stdin) : await readPiped()
  if (password.length === 0) throw new Error('the password is empty')
  if (password.length > PASSWORD_BYTES_MAX) {
    throw new Error(`the password has more than ${PASSWORD_BYTES_MAX} bytes`)
  }
  if (/[\r\n]/.test(password.toString('latin1')))
    throw new Error('the password has a line end in it')
  process.stdout.write(`${await hashPassword(password)}\n`)
  process.exit(0)
} catch (error) {
  process.stderr.write(`hash-password: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}

/** All of standard input; one line end behind the password does not belong to it. */
async function readPiped(): Promise<Buffer> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of process.stdin) {
    parts.push(part as Buffer)
    length += (part as Buffer).length
    if (length > PASSWORD_BYTES_MAX + 2) break
  }
  const all = Buffer.concat(parts)
  const end = all.at(-1) === 10 ? (all.at(-2) === 13 ? 2 : 1) : 0
  return all.subarray(0, all.length - end)
}

async function askTwice(terminal: ReadStream): Promise<Buffer> {
  const first = await ask(terminal, 'Password: ')
  const second = await ask(terminal, 'Once more: ')
  if (first !== second) throw new Error('the two are not the same')
  return Buffer.from(first)
}

function ask(terminal: ReadStream, question: string): Promise<string> {
  process.stderr.write(question)
  terminal.setEncoding('utf8')
  terminal.setRawMode(true)
  terminal.resume()
  return new Promise((resolve, reject) => {
    let typed = ''
    const finish = (settle: () => void): void => {
      terminal.off('data', take)
      terminal.setRawMode(false)
      terminal.pause()
      process.stderr.write('\n')
      settle()
    }
    const take = (text: string): void => {
      for (const character of text) {
        if (character === KEY.end) {
          finish(() => reject(new Error('given up')))
          return
        }
        if (character === '\r' || character === '\n' || character === KEY.eof) {
          finish(() => resolve(typed))
          return
        }
        const erases = character === KEY.backspace || character === KEY.erase
        typed = erases ? [...typed].slice(0, -1).join('') : typed + character
      }
    }
    terminal.on('data', take)
  })
}
