import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { loadSettings } from '../../src/config/load.ts'
import { settingByKey } from '../../src/config/schema.ts'
import { MACHINE } from '../config/load-with.ts'
import { exists, ROOT, read } from '../repo/repository.ts'
import { engine } from './prepared.ts'

/** docker-compose.yml, without docker: what it names exists, fits together, and is what the programs take. */

interface Service {
  readonly image: string
  readonly build?: string
  readonly command?: readonly string[]
  readonly ports: readonly string[]
  readonly volumes?: readonly string[]
  readonly environment?: { readonly GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH?: string }
  readonly mem_limit?: string
}

const MIB = 1024 * 1024
const { services } = parse(read('docker-compose.yml')) as {
  services: Readonly<Record<'memc-kv' | 'prometheus' | 'grafana', Service>>
}
const defaults = ['listen.port', 'sidecar.port'].map(
  (key) => settingByKey.get(key)?.setting.default as number,
)

/** Paths of the repository by the paths that they have in the container. */
function mounts(service: Service): Map<string, string> {
  const pairs = (service.volumes ?? []).map((volume) => volume.split(':'))
  return new Map(
    pairs
      .filter(([source = '']) => source.startsWith('./'))
      .map(([source = '', target = '']) => [target, source.slice(2)]),
  )
}

test('what is mounted exists, and nothing listens beyond this machine', () => {
  for (const [name, service] of Object.entries(services)) {
    for (const source of mounts(service).values()) assert.ok(exists(source), source)
    for (const port of service.ports) assert.match(port, /^127\.0\.0\.1:(\d+):\1$/, name)
    if (service.build === undefined) assert.match(service.image, /:v?\d+\.\d+\.\d+$/)
  }
})

test('the server has its default ports, and the memory that its flags ask for', async () => {
  const { ports, command = [], mem_limit = '' } = services['memc-kv']
  assert.deepEqual(
    ports.map((port) => Number(port.split(':').at(-1))),
    defaults,
  )
  const settings = await loadSettings({ argv: command, environment: {}, machine: MACHINE })
  assert.ok(settings.kind === 'settings')
  const needed = Math.ceil(settings.derived.residentBytesMax / MIB)
  assert.equal(mem_limit, `${needed}m`)
})

test('Prometheus takes its configuration, with the rules beside it', () => {
  const folder = join(engine.folder, 'prometheus')
  mkdirSync(folder)
  const files = [...mounts(services.prometheus)].filter(([to]) => to.startsWith('/etc/prometheus/'))
  for (const [target, source] of files) {
    copyFileSync(join(ROOT, source), join(folder, target.slice('/etc/prometheus/'.length)))
  }
  const said = execFileSync('promtool', ['check', 'config', join(folder, 'prometheus.yml')])
  assert.match(said.toString(), /1 rule files found/)
  const [flag = ''] = services.prometheus.command ?? []
  assert.equal(flag, '--config.file=/etc/prometheus/prometheus.yml')
})

test('Prometheus asks the server, Grafana asks Prometheus and shows the dashboard', () => {
  const { scrape_configs } = parse(read('docs/compose/prometheus.yml'))
  const [{ targets, labels }] = scrape_configs[0].static_configs
  assert.deepEqual(targets, [`memc-kv:${defaults[1]}`])
  // The dashboard's variables find nothing when there is no such label.
  assert.ok(labels.namespace)

  const [source] = parse(read('docs/compose/grafana/datasources/prometheus.yml')).datasources
  assert.equal(source.url, `http://prometheus:${services.prometheus.ports[0]?.split(':')[1]}`)
  assert.equal(source.isDefault, true)

  const [provider] = parse(read('docs/compose/grafana/dashboards/memc-kv.yml')).providers
  const home = services.grafana.environment?.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH ?? ''
  const dashboard = mounts(services.grafana).get(home) ?? ''
  assert.ok(home.startsWith(`${provider.options.path}/`))
  assert.equal(dashboard, 'helm/memc-kv/files/dashboard.json')
  const inGrafana = [...mounts(services.grafana).keys()].filter((to) => to.includes('provisioning'))
  assert.deepEqual(inGrafana.sort(), [
    '/etc/grafana/provisioning/dashboards',
    '/etc/grafana/provisioning/datasources',
  ])
})
