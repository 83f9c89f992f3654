import { FILE_PATH_BYTES_MAX, path } from './formats.ts'
import { setting } from './setting.ts'

/** Who may use the server, and for what. Secrets lie in files of their own, of which only the path is a setting. */
export const authSchema = {
  file: setting(
    path({ bytesMax: FILE_PATH_BYTES_MAX }),
    '',
    'MEMCKV_AUTH_FILE',
    'file of user:password lines; clients must then authenticate, and may do everything',
  ),
  usersFile: setting(
    path({ bytesMax: FILE_PATH_BYTES_MAX }),
    '',
    'MEMCKV_AUTH_USERS_FILE',
    'YAML file of users with hashed passwords, permissions and key prefixes (docs/users.md)',
  ),
}

export const sidecarTokenFile = setting(
  path({ bytesMax: FILE_PATH_BYTES_MAX }),
  '',
  'MEMCKV_SIDECAR_TOKEN_FILE',
  'file of tokens, one a line; the sidecar then asks for one (Authorization: Bearer) but for probes',
)
