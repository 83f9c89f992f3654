import { connect } from 'node:net'

/** The `stats` of any server that speaks memcached's protocol. */
export function readStats(port: number, argument = ''): Promise<Map<string, string>> {
  return new Promise((settle, fail) => {
    const socket = connect({ host: '127.0.0.1', port })
    let text = ''
    socket.setEncoding('latin1')
    socket.on('error', fail)
    socket.on('connect', () => socket.write(`stats${argument === '' ? '' : ` ${argument}`}\r\n`))
    socket.on('data', (chunk: string) => {
      text += chunk
      if (!text.endsWith('END\r\n')) return
      socket.destroy()
      const lines = text.split('\r\n').map((line) => line.split(' '))
      settle(new Map(lines.map(([, name = '', value = '']) => [name, value])))
    })
  })
}
