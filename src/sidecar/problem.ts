import { STATUS_CODES } from 'node:http'

/** The body of every answer that is not a success (RFC 9457, problem details). */
export interface Problem {
  readonly title: string
  readonly status: number
  readonly detail: string
  /** To find the request in the log; missing where no request could be read. */
  readonly requestId?: string
}

export const PROBLEM_TYPE = 'application/problem+json'

export const PROBLEM_SCHEMA = {
  type: 'object',
  properties: {
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    requestId: { type: 'string' },
  },
  required: ['title', 'status', 'detail'],
  additionalProperties: false,
} as const

/** Thrown by a route that cannot answer: the request's fault, or that of the moment. */
export class RouteError extends Error {
  override readonly name = 'RouteError'
  readonly statusCode: number

  constructor(statusCode: number, detail: string) {
    super(detail)
    this.statusCode = statusCode
  }
}

export function problemOf(status: number, detail: string, requestId?: string): Problem {
  const title = STATUS_CODES[status] ?? 'Error'
  return requestId === undefined ? { title, status, detail } : { title, status, detail, requestId }
}
