import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const url = (path: string): string => JSON.stringify(new URL(`../../../${path}`, import.meta.url).href);
const PROGRAM = `
  const { execFileSync } = await import('node:child_process');
  const { HostAddresses } = await import(${url('broker/names/host-addresses.js')});
  const { parseAddress } = await import(${url('shared/policy/address.js')});
  const [addresses, change] = process.argv.slice(1);
  const host = new HostAddresses([]);
  const own = () => addresses.split(' ').filter((text) => host.context().own.has(parseAddress(text))).join(' ');
  const before = own();
  if (change) execFileSync('sh', ['-ec', change]);
  console.log(JSON.stringify({ before, after: own() }));
`;

interface Own {
  readonly before: string;
  readonly after: string;
}

/** Which of the addresses a host counts as its own, before and after a change. @param host sh(1) that makes its network */
function own(host: string, addresses: string, change = ''): Own {
  const inside = ['--user', '--map-root-user', '--net', 'sh', '-ec', `${host}\nexec "$@"`, 'sh'];
  const program = [process.execPath, '--input-type=module', '-e', PROGRAM, addresses, change];
  const { status, stdout, stderr } = spawnSync('unshare', [...inside, ...program], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Own;
}

test("a public address of lo is one of the host's own", () => {
  const host = 'ip link set lo up && ip addr add 8.8.4.4/32 dev lo';
  assert.equal(own(host, '8.8.4.4 8.8.8.8').before, '8.8.4.4');
});

test('addresses of an interface that is down, or without carrier, are own', () => {
  const host = `
    ip link add off0 type veth peer name off1 && ip addr add 93.184.216.34/24 dev off0 && ip -6 addr add 2600::5/64 dev off0
    ip link add bridge0 type bridge && ip addr add 172.17.0.1/16 dev bridge0 && ip link set bridge0 up
  `;
  const addresses = '93.184.216.34 2600::5 172.17.0.1';
  assert.equal(own(host, `${addresses} 93.184.216.35 2600::6 172.17.0.2`).before, addresses);
});

test('a block that the table `local` routes to the host is own', () => {
  const host =
    'ip link set lo up && ip route add local 203.0.113.0/24 dev lo && ip -6 route add local 2600:1::/32 dev lo';
  assert.equal(own(host, '203.0.113.77 2600:1::77 203.0.114.1 2600:2::1').before, '203.0.113.77 2600:1::77');
});

test('the own end of a point-to-point link is own, the other is not', () => {
  const host =
    'ip link add link0 type veth peer name link1 && ip addr add 10.9.0.1 peer 10.9.0.2 dev link0 && ip link set link0 up';
  assert.equal(own(host, '10.9.0.1 10.9.0.2').before, '10.9.0.1');
});

// proves: a new address counts at once
test('an address counts from the moment that it is given, and no longer once it is taken', () => {
  const host =
    'ip link add link0 type veth peer name link1 && ip addr add 10.9.0.1/24 dev link0 && ip link set link0 up';
  const change =
    'ip addr add 10.9.1.1/24 dev link0 && ip route add local 10.10.0.0/16 dev lo && ip addr del 10.9.0.1/24 dev link0';
  assert.deepEqual(own(`${host} && ip link set lo up`, '10.9.0.1 10.9.1.1 10.10.3.4', change), {
    before: '10.9.0.1',
    after: '10.9.1.1 10.10.3.4',
  });
});

test('thousands of addresses are all own', () => {
  const many = Array.from({ length: 3000 }, (_, index) => `10.20.${index >> 8}.${index & 255}`);
  const host = `ip link add link0 type veth peer name link1\n${many.map((address) => `echo addr add ${address}/32 dev link0`).join('\n')}`;
  const [set, ...adds] = host.split('\n');
  const words = `${set}\n( ${adds.join('\n')}\n ) | ip -batch -`;
  const asked = `${many[0]} ${many[1499]} ${many[2999]}`;
  assert.equal(own(words, `${asked} 10.20.200.1`).before, asked);
});
