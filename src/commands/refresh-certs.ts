import type { AdminCommandContext } from './admin-context.ts'
import { answerLine } from './admin-reply.ts'
import { OUTCOME } from './context.ts'

/** `refresh_certs`: read certificate and key again, which the control thread does. No command without TLS. */
export function handleRefreshCerts(context: AdminCommandContext): number {
  if (!context.admin.stats.config.tls.enabled) return answerLine(context, 'ERROR')
  context.session.defer('refresh_certs', context.request.noreply ? 'noreply' : '')
  return OUTCOME.deferred
}
