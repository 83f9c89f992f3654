import { version } from '../version.ts'
import { openApiDocument } from './openapi.ts'
import type { Route } from './route.ts'

/**
 * The list at / and the document at /openapi.json, which show all routes, these two among them.
 *
 * @param needsToken all but the open routes do
 */
export function documentRoutes(others: readonly Route[], needsToken: boolean): Route[] {
  const list: Route = {
    method: 'GET',
    path: '/',
    summary: 'This list.',
    replies: {
      200: { description: 'Links.', contentTypes: ['text/html'], schema: { type: 'string' } },
    },
    answer: (_request, reply) => {
      reply.type('text/html; charset=utf-8').header('content-security-policy', "default-src 'none'")
      return listOf(all)
    },
  }
  const document: Route = {
    method: 'GET',
    path: '/openapi.json',
    summary: 'This interface as an OpenAPI document.',
    replies: { 200: { description: 'OpenAPI 3.1.', schema: { type: 'object' } } },
    answer: () => openApiDocument(all, needsToken),
  }
  const all = [list, ...others, document]
  return [list, document]
}

/** Our own words only: nothing in it needs escaping. */
function listOf(routes: readonly Route[]): string {
  const rows = routes.map(({ method, path, summary }) => {
    const link = method === 'GET' ? `<a href="${path}">${path}</a>` : `${method} ${path}`
    return `<li>${link} – ${summary}</li>\n`
  })
  return (
    `<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>memc-kv</title>\n` +
    `<h1>memc-kv ${version}</h1>\n<ul>\n${rows.join('')}</ul></html>\n`
  )
}
