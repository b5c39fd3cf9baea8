// What the rules permit and did not work, on a channel: its event, its series, and what the plugin gets.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { freePort } from '../harness/free-port.js';
import { proxyScene, SECRET } from '../harness/proxy-scene.js';
import { startBroker, type TestBroker } from './start-broker.js';

const scene = await proxyScene({
  'works.test A': ['127.0.0.1'],
  'works.test AAAA': [],
  'broken.test A': 'SERVFAIL',
  'broken.test AAAA': 'SERVFAIL',
  'mute.test A': null,
  'mute.test AAAA': null,
});
let broker: TestBroker;
before(async () => {
  broker = await startBroker({ dnsServers: [scene.dns.address], readsAll: false });
});
after(() => broker.stop());

const ALLOW = ['*.test:*', '127.0.0.1:*', '255.255.255.255:*'];

for (const [reason, host, message] of [
  ['name_unknown', 'gone.test', 'DNS server SERVER says that it does not exist'],
  ['dns_failed', 'broken.test', 'DNS server SERVER could not answer'],
  ['dns_timeout', 'mute.test', 'DNS server SERVER gave no answer within 6.N s'],
  ['refused', 'works.test', 'nothing listens at 127.0.0.1'],
  ['refused', '127.0.0.1', 'nothing listens at 127.0.0.1'],
  ['unreachable', '255.255.255.255', 'no route leads from this host to 255.255.255.255'],
] as const)
  test(`${reason} of ${host} is told once, and counted`, async () => {
    const plugin = `to-${host}`.replace(/\W/g, '-');
    await broker.plugin(plugin, { allow: ALLOW });
    const channel = await broker.channel(plugin);
    const port = await freePort();
    for (let times = 0; times < 2; times += 1) await channel.refusal(host, port);
    await failed(plugin);
    const events = broker.events.filter((event) => event['plugin'] === plugin && event['event'] === 'failed');
    const told = events.map((event) => [
      event['reason'],
      event['host'],
      event['port'],
      String(event['message'])
        .replace(scene.dns.address, 'SERVER')
        .replace(/6\.\d s/, '6.N s'),
    ]);
    assert.deepEqual(told, [[reason, host, port, `"${host}:${port}" is allowed, but ${message}`]]);
    const series = `postern_connect_failures_total{plugin="${plugin}",reason="${reason}"}`;
    assert.equal(await broker.metric(series), events[0]?.['count']);
  });

test('proxy_refused names the proxy and what it said', () =>
  scene.withProxy({ credentials: SECRET }, async ({ port }) => {
    const proxy = { kind: 'http', host: '127.0.0.1', port, resolve: 'both' } as const;
    await broker.plugin('by-proxy', { allow: ['203.0.113.7:*'], via: { proxy } });
    const channel = await broker.channel('by-proxy');
    await channel.refusal('203.0.113.7', 443);
    const event = await failed('by-proxy');
    assert.equal(event['reason'], 'proxy_refused');
    assert.match(
      String(event['message']),
      /^Cannot connect to "203\.0\.113\.7:443" by "http:\/\/127\.0\.0\.1:\d+": the proxy /,
    );
    assert.equal(
      await broker.metric('postern_connect_failures_total{plugin="by-proxy",reason="proxy_refused"}'),
      1,
    );
  }));

async function failed(plugin: string): Promise<Readonly<Record<string, unknown>>> {
  const found = (): Readonly<Record<string, unknown>> | undefined =>
    broker.events.find((event) => event['plugin'] === plugin && event['event'] === 'failed');
  await broker.until(() => found() !== undefined);
  return found() ?? {};
}
