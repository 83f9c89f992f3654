import { writeSync } from 'node:fs'
import { registerHooks } from 'node:module'

/** Preloaded into a server: tells on standard error what of OpenTelemetry it loads. */
registerHooks({
  load(url, context, next) {
    if (/opentelemetry|grpc/.test(url)) writeSync(2, `LOADED ${url}\n`)
    return next(url, context)
  },
})
