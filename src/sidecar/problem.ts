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

/**
 * Of the statuses that are sent here. Node has the list, but whoever imports node:http from a module
 * also gets all that its WebSocket needs: 12 MiB and 100 ms.
 */
const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}

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
  const title = TITLES[status] ?? 'Error'
  return requestId === undefined ? { title, status, detail } : { title, status, detail, requestId }
}
