import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import type { RootEntry } from '../../../sandbox/launch/spec.js';
import { type HostFiles, hostFiles } from '../../../sandbox/supervisor/files/host-files.js';
import {
  gatewayConfig,
  PluginGateway,
  requireOwnPlace,
} from '../../../sandbox/supervisor/gateway/plugin-gateway.js';
import { lineOf } from '../../../sandbox/supervisor/plugin-line.js';
import type { GatewayHost } from '../../../shared/config/gateway-keys.js';
import { type PluginConfig, plainPlugin } from '../../../shared/config/plugin-config.js';

const HOSTS: readonly GatewayHost[] = [
  {
    ...{ host: 'api.example.com', ports: [443, 8443], allow: ['GET /**'], deny: [], masks: true },
    headers: { authorization: 'Bearer {github}' },
  },
  {
    ...{ host: 'other.example.com', ports: [443], headers: {}, allow: [], deny: [], masks: false },
    placeholder: { name: 'KEY', secret: 'github', in: ['X-Key'] },
  },
];
const PLUGIN: PluginConfig = {
  ...plainPlugin('agent', ['true']),
  allow: ['api.example.com:443,8443', 'other.example.com'],
  deny: ['tracker.example.com'],
  limits: { ...plainPlugin('x', []).limits, memoryMib: 8, connections: 3 },
  gateway: HOSTS,
};

test('each host has an address, and each of its ports a listener there', () => {
  assert.deepEqual(new PluginGateway(PLUGIN, HOSTS).places, [
    { address: '198.19.255.1', port: 443 },
    { address: '198.19.255.1', port: 8443 },
    { address: '198.19.255.2', port: 443 },
  ]);
});

test('a host with a name for plain HTTP is served at port 80 too, on the way to port 443', () => {
  const [first, ...others] = HOSTS;
  assert.ok(first !== undefined);
  const hosts = [{ ...first, ports: [80, 443], baseUrl: true }, ...others];
  const plugin = { ...PLUGIN, gateway: hosts };
  const gateway = new PluginGateway(plugin, hosts);
  assert.deepEqual(
    gateway.places.map(({ port }) => port),
    [443, 80, 443],
  );
  const plainName = 'api.example.com.gateway.internal';
  const { listeners } = gateway.settings({ secrets: new Map(), files: new Map() });
  assert.deepEqual(listeners[1], { host: 'api.example.com', port: 443, plainName });
  assert.deepEqual(lineOf(plugin, []).gateways, [['api.example.com', plainName], ['other.example.com']]);
});

// proves: gateway: special addresses of its hosts are open to the gateway alone
test('special addresses of a host are open to its process, and not to the plugin', () => {
  const gateway = HOSTS.map((host) => ({ ...host, addresses: ['10.1.2.0/24'] }));
  const plugin = { ...PLUGIN, gateway };
  assert.ok(gatewayConfig(plugin)?.allow.includes('10.1.2.0/24'));
  assert.deepEqual(lineOf(plugin, []).allow, PLUGIN.allow);
});

test('hosts that swap the placeholder of one variable know the same one, each for its own secret', () => {
  const [, other] = HOSTS;
  assert.ok(other?.placeholder !== undefined);
  const third = {
    ...other,
    host: 'third.example.com',
    placeholder: { ...other.placeholder, secret: 'third' },
  };
  const gateway = new PluginGateway(PLUGIN, [...HOSTS, third]);
  const { hosts } = gateway.settings({ secrets: new Map(), files: new Map() });
  const token = gateway.variables['KEY'];
  assert.deepEqual(
    hosts.map(({ placeholder }) => placeholder && [placeholder.token, placeholder.secret]),
    [undefined, [token, 'github'], [token, 'third']],
  );
});

// proves: gateway: a placeholder is random for each start
test('a placeholder is another one for each start, and the process knows it', () => {
  const [one, other] = [new PluginGateway(PLUGIN, HOSTS), new PluginGateway(PLUGIN, HOSTS)];
  assert.notEqual(one.variables['KEY'], other.variables['KEY']);
  const { hosts, listeners, secrets } = one.settings({
    secrets: new Map([['github', 'secret']]),
    files: new Map(),
  });
  assert.deepEqual(hosts[1]?.placeholder, {
    token: one.variables['KEY'],
    secret: 'github',
    headers: ['x-key'],
  });
  assert.equal(listeners.length, one.places.length);
  assert.deepEqual(secrets, [['github', 'secret']]);
  assert.ok(!JSON.stringify(one.variables).includes('secret'));
});

const ETC = {
  kind: 'bind',
  path: '/etc/ssl',
  source: '/etc/ssl',
  directory: true,
  writable: false,
} as const;

test('a bundle that is hidden stays hidden', () => {
  const hidden = { kind: 'mask', path: '/etc/ssl/certs', directory: true } as const;
  const entries = new PluginGateway(PLUGIN, HOSTS).rootEntries([ETC, hidden], hostFiles);
  assert.deepEqual(
    entries.map(({ kind, path }) => `${kind} ${path}`),
    ['file /etc/postern/gateway.pem', 'file /etc/postern/ca-bundle.pem'],
  );
});

/** Where each system keeps its bundle: the file, and other names of it. */
const SYSTEMS: Readonly<Record<string, { readonly file: string; readonly links?: readonly string[] }>> = {
  Debian: { file: '/etc/ssl/certs/ca-certificates.crt' },
  Alpine: { file: '/etc/ssl/certs/ca-certificates.crt', links: ['/etc/ssl/cert.pem'] },
  Fedora: {
    file: '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
    links: ['/etc/ssl/certs/ca-certificates.crt', '/etc/ssl/cert.pem'],
  },
  SUSE: { file: '/var/lib/ca-certificates/ca-bundle.pem', links: ['/etc/ssl/ca-bundle.pem'] },
};

for (const [system, { file, links = [] }] of Object.entries(SYSTEMS))
  test(`on ${system} the bundle of the system has the authority, once`, () => {
    const host: HostFiles = {
      ...hostFiles,
      kind: (path) => (path === file ? 'file' : links.includes(path) ? 'link' : 'absent'),
      real: (path) => (path === file || links.includes(path) ? file : undefined),
    };
    const shown = ['/etc', '/var/lib'].map((path) => ({ ...ETC, path, source: path }));
    const entries = new PluginGateway(PLUGIN, HOSTS).rootEntries(shown, host);
    const [authority, , ...masks] = entries.map((entry) => ('content' in entry ? entry.content : ''));
    assert.deepEqual(
      entries.slice(2).map(({ kind, path }) => `${kind} ${path}`),
      [`mask ${file}`],
    );
    assert.ok(Buffer.from(masks[0] ?? '', 'base64').includes(authority ?? 'none'));
  });

test('files of the host in the place of the certificates refuse the start, and those beside do not', () => {
  const at = (path: string): RootEntry => ({ ...ETC, path, source: path });
  for (const path of ['/etc', '/etc/postern', '/etc/postern/gateway.pem'])
    assert.throws(() => requireOwnPlace('agent', [ETC, at(path)]), {
      code: 'not_allowed',
      message: `Cannot start "agent": "${path}" shows in its sandbox, and postern writes the certificates of its gateway to /etc/postern there`,
      fix: /that the program needs/,
    });
  requireOwnPlace('agent', [ETC, at('/etc/postern/app'), at('/etc/hostname')]);
});

test('the program finds the authority beside the certificates of the host', () => {
  const gateway = new PluginGateway(PLUGIN, HOSTS);
  const entries = gateway.rootEntries([ETC], hostFiles);
  const files = entries.flatMap((entry) =>
    'content' in entry && entry.content !== undefined
      ? [Buffer.from(entry.content, entry.kind === 'mask' ? 'base64' : 'utf8')]
      : [],
  );
  const authority = String(files[0]);
  const { leaf } = { leaf: gateway.settings({ secrets: new Map(), files: new Map() }).hosts[0]?.leaf };
  assert.ok(leaf !== undefined);
  assert.ok(new X509Certificate(leaf.certificate).checkIssued(new X509Certificate(authority)));
  const { raw } = new X509Certificate(authority);
  // Java's has no text.
  for (const file of files) assert.ok(file.includes(authority) || file.includes(raw));
});

// proves: gateway: it reaches its own hosts alone
// proves: gateway: its memory is bounded
test('its process reaches the hosts of the plugin alone, with its limits of connections, and not those of its memory', () => {
  const config = gatewayConfig({ ...PLUGIN, allow: [...PLUGIN.allow, '*.example.net'] });
  assert.deepEqual(
    [config?.name, config?.egress, config?.allow, config?.deny, config?.unknown],
    [
      ...['agent.gateway', 'channel'],
      ['api.example.com:443', 'api.example.com:8443', 'other.example.com:443'],
      ...[PLUGIN.deny, 'deny'],
    ],
  );
  assert.deepEqual([config?.limits.connections, config?.limits.memoryMib], [3, 1024]);
  assert.equal(gatewayConfig(PLUGIN), gatewayConfig(PLUGIN));
  assert.equal(gatewayConfig(plainPlugin('agent', [])), undefined);
});

// proves: gateway: the plugin itself reaches no host with a gateway
test('the broker denies its hosts to the plugin itself, by every door, and not to its process', () => {
  const hosts = HOSTS.map(({ host }) => [host]);
  const line = lineOf(PLUGIN, []);
  assert.deepEqual([line.deny, line.gateways], [[...PLUGIN.deny, ...hosts.flat()], hosts]);
  const own = gatewayConfig(PLUGIN);
  assert.ok(own !== undefined);
  assert.deepEqual([lineOf(own, []).deny, lineOf(own, []).gateways], [PLUGIN.deny, undefined]);
});
