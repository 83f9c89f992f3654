/**
 * Which folder of src/ may import which, besides itself, base/ and version.ts; '.' is main.ts
 * and the programs beside it, healthcheck.ts and hash-password.ts.
 * Arrows go one way. src/README.md shows this table, and docs.test.ts compares the two.
 */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  '.': ['auth', 'config', 'control', 'worker'],
  auth: ['protocol'],
  base: [],
  config: [],
  control: ['auth', 'config', 'sidecar', 'telemetry', 'store', 'tls'],
  sidecar: ['telemetry', 'store', 'tls'],
  worker: ['auth', 'protocol', 'commands', 'telemetry', 'store', 'tls'],
  commands: ['auth', 'protocol', 'store', 'telemetry'],
  telemetry: ['protocol'],
  protocol: [],
  store: [],
  tls: [],
}

/** Folders that others enter by these files only. The rest are collections, without a front door. */
export const DOORS: Readonly<Record<string, readonly string[]>> = {
  auth: [
    'access.ts',
    'permissions.ts',
    'users-file.ts',
    'password-hash.ts',
    'login-desk.ts',
    'recent.ts',
    'tokens.ts',
  ],
  control: ['control.ts'],
  worker: ['worker.ts'],
  sidecar: ['sidecar.ts'],
  config: ['load.ts'],
  store: ['store.ts', 'insight.ts'],
  commands: ['table.ts', 'context.ts', 'admin-context.ts', 'auth.ts'],
}
