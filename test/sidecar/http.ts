import type { IncomingHttpHeaders } from 'node:http'
import { Agent, request } from 'node:http'
import { within } from '../support/deadline.ts'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  json(): unknown
}

export interface Question {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Without one, the connection is closed after the answer. */
  readonly agent?: Agent
}

/** One request over a connection of its own, unless an agent keeps it. */
export function ask(url: string, question: Question = {}): Promise<Answer> {
  const { method = 'GET', headers = {}, body = '', agent = new Agent() } = question
  const answer = new Promise<Answer>((resolve, reject) => {
    const sent = request(url, { method, headers, agent }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        const { statusCode = 0, headers: received } = response
        resolve({ status: statusCode, headers: received, text, json: () => JSON.parse(text) })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
  return within(answer, () => `${method} ${url}`)
}

export function put(url: string, body: object): Promise<Answer> {
  return ask(url, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}
