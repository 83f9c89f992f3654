import { COUNTER, DENIED_REASONS } from '../counters.ts'
import type { Family } from './family.ts'
import { byLabel, counter, gauge } from './family.ts'

/** memc-kv's own: who logs in, who guesses, and who wants what is not allowed (docs/users.md). */
export const AUTH_FAMILIES: readonly Family[] = [
  counted('memckv_auth_commands_total', 'Authentications tried.', COUNTER.authCommands),
  counted('memckv_auth_failures_total', 'Authentications refused.', COUNTER.authErrors),
  counted(
    'memckv_auth_unseen_total',
    'Of these, refused without a look at the password, because too many others waited.',
    COUNTER.loginsRefused,
  ),
  counted(
    'memckv_auth_delayed_total',
    'Authentications that had to wait for earlier failures of their address.',
    COUNTER.loginsDelayed,
  ),
  counted(
    'memckv_passwords_hashed_total',
    'Hashes computed to check passwords; what was right before needs none.',
    COUNTER.passwordsHashed,
  ),
  byLabel(
    'counter',
    'memckv_permission_denied_total',
    'Commands refused, by the permission that the user does not have; key: a key outside of the prefixes.',
    'reason',
    ({ counters }) =>
      DENIED_REASONS.map((reason, index): [string, number] => [
        reason,
        counters[COUNTER.denied + index] as number,
      ]),
  ),
  gauge(
    'memckv_users',
    'Users who may log in.',
    ({ counters }) => counters[COUNTER.users] as number,
  ),
  byLabel(
    'counter',
    'memckv_users_reloads_total',
    'Times the files of users were read again.',
    'result',
    ({ counters }) => {
      const failed = counters[COUNTER.reloadsFailed] as number
      return [
        ['ok', (counters[COUNTER.reloads] as number) - failed],
        ['failed', failed],
      ]
    },
  ),
  gauge(
    'memckv_users_outdated',
    '1 while the files of users could not be read again, so that the users before hold.',
    ({ counters }) => counters[COUNTER.reloadFailedLast] as number,
  ),
  counted(
    'memckv_sidecar_unauthorized_total',
    'Requests to the sidecar without a right token.',
    COUNTER.sidecarRefused,
  ),
  gauge(
    'memckv_sidecar_tokens_outdated',
    '1 while the file of tokens could not be read again, so that the tokens before hold.',
    ({ counters }) => counters[COUNTER.tokensReloadFailed] as number,
  ),
]

function counted(name: string, help: string, index: number): Family {
  return counter(name, help, ({ counters }) => counters[index] as number)
}
