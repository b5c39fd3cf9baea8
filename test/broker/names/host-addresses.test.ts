import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const MODULE = new URL('../../../broker/names/host-addresses.js', import.meta.url).href;
/** A network namespace whose lo bears a public address, as those of anycast and load balancers do. */
const HOST = 'ip link set lo up && ip addr add 8.8.4.4/32 dev lo && exec "$@"';
const PROGRAM = `
  const { HostAddresses } = await import(${JSON.stringify(MODULE)});
  console.log(new HostAddresses([]).context().own.map(({ text }) => text).join(' '));
`;

test("a public address that lo bears is one of the host's own", () => {
  const host = ['--user', '--map-root-user', '--net', 'sh', '-c', HOST, 'sh'];
  const program = [process.execPath, '--input-type=module', '-e', PROGRAM];
  const { status, stdout, stderr } = spawnSync('unshare', [...host, ...program], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  assert.ok(stdout.trim().split(' ').includes('8.8.4.4'), stdout);
});
