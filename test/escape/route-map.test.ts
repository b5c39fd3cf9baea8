// The error queue of a connecting socket holds the address of each router that sent an ICMP error, ip(7). With IP_TTL a plugin could
// read the route through the host's network from it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { anyUser, twin } from '../harness/asked.js';
import { startPostern } from '../harness/postern.js';
import { users } from '../harness/users.js';

const program = readFileSync(new URL('route-map.py', import.meta.url), 'utf8');
const ROUTER = '198.51.100.1';
const PEER = '192.0.2.80';
/** A host with one router, which reports packets whose TTL has expired. The router ends with the processes on the host. */
const NETWORK = `
exec 9> >(exec unshare --net cat >/dev/null 2>&1)
until grep -q cat /proc/$!/comm; do sleep 0.01; done
ip link set lo up
ip link add up0 type veth peer name down0 netns $!
ip addr add 198.51.100.2/24 dev up0
ip link set up0 up
ip route add default via ${ROUTER}
nsenter --net=/proc/$!/ns/net sh -ec '
  echo 1 >/proc/sys/net/ipv4/ip_forward
  ip addr add ${ROUTER}/24 dev down0
  ip link set down0 up
  ip route add 192.0.2.0/24 dev down0'
exec "$@"`;
const own = process.geteuid?.() === 0 ? [] : ['--user', '--map-current-user', '--keep-caps'];
const inside = ['unshare', ...own, '--net', 'bash', '-ec', NETWORK, 'bash'];

async function look(
  user: (typeof users)[number],
  without?: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  const { result } = startPostern(
    [
      ...['run', '--allow', `${PEER}:80`, '--audit', '/dev/null'],
      ...['--', '/usr/bin/python3', '-c', program, PEER],
    ],
    { as: user, inside, ...(without === undefined ? {} : { without }) },
  );
  const { stdout, stderr } = await result;
  const found = [...stdout.matchAll(/^result (\S+) (.*)$/gm)].map(([, name, value]) => [name, value]);
  assert.notEqual(found.length, 0, stderr);
  return Object.fromEntries(found);
}

for (const user of anyUser) {
  // proves: an attempt to connect keeps the error that ended it
  test(`a socket that connects tells of no router (${user})`, async () => {
    assert.deepEqual(await look(user), {
      connect: 'EINPROGRESS',
      routers: 'none',
      answers: 'EAGAIN',
      ended: 'with EHOSTUNREACH',
      recvfrom: 'EAGAIN',
      recvmmsg: 'EAGAIN',
      recvmsg_high: 'EAGAIN',
    });
  });
}
const [user = 'user'] = users;
twin(`it tells of the host's router without the filter (${user})`, async () => {
  assert.equal((await look(user, ['reported_error_queue']))['routers'], ROUTER);
});
