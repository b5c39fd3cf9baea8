// A rule for the class of public addresses does not open addresses that the kernel takes for this host, in any state of their interface.
// Container engines and load balancers leave such interfaces without carrier, or down.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import { startPostern } from '../harness/postern.js';
import type { User } from '../harness/users.js';

const OWN = ['93.184.216.34', '93.184.217.34', '93.184.218.34'];
const PORT = 8080;
const client = readFileSync(new URL('../interop/postern_client.py', import.meta.url), 'utf8');
/** An interface without carrier, one that is down, and a block that the routing table `local` sends to this host. */
const NETWORK = `
ip link set lo up
ip link add bridge0 type bridge
ip addr add ${OWN[0]}/24 dev bridge0
ip link set bridge0 up
ip link add off0 type veth peer name off1
ip addr add ${OWN[1]}/24 dev off0
ip route add local 93.184.218.0/24 dev lo
/usr/bin/python3 -c "
import os, socket
server = socket.create_server(('', ${PORT}))
print('listening', flush=True)
if os.fork() == 0:
    while True:
        caller = server.accept()[0]
        print('heard', caller.getsockname()[0], flush=True)
        caller.send(b'x')
"
exec "$@"`;
const ATTEMPTS = `
${client.replace(/\nif __name__ == [\s\S]*$/, '\n')}
import socket, sys
channel = Channel.from_environment() if sys.argv[1] == "channel" else None
for address in ${JSON.stringify(OWN)}:
    try:
        if channel:
            connection = channel.connect(address, ${PORT})
        else:
            connection = socket.create_connection((address, ${PORT}), timeout=10)
        # The judge has heard it by then.
        connection.recv(1)
        print("reached", address, flush=True)
    except Exception as error:
        print("refused", address, error, flush=True)
`;
const own = process.geteuid?.() === 0 ? [] : ['--user', '--map-current-user', '--keep-caps'];
/** The judging process ends with the pid namespace. */
const inside = [
  'unshare',
  ...own,
  '--net',
  '--pid',
  '--fork',
  '--mount-proc',
  '--kill-child',
  'sh',
  '-ec',
  NETWORK,
  'sh',
];

async function attempt(user: User, egress: string, ...rules: readonly string[]): Promise<string> {
  const words = rules.flatMap((rule) => ['--allow', rule]);
  const { result } = startPostern(
    [
      'run',
      '--egress',
      egress,
      ...words,
      '--audit',
      '/dev/null',
      '--',
      '/usr/bin/python3',
      '-c',
      ATTEMPTS,
      egress,
    ],
    { as: user, inside },
  );
  const { stdout, stderr } = await result;
  assert.equal([...stdout.matchAll(/^(?:reached|refused) /gm)].length, OWN.length, stdout + stderr);
  return stdout;
}

for (const [turn, egress] of ['transparent', 'channel'].entries())
  for (const user of userInTurn(turn)) {
    // proves: names: an address that the kernel takes for the host's own is no public one
    // proves: names: a block that is routed to the host is its own
    test(`a rule for public addresses opens none of the host's own (${egress}, ${user})`, async () => {
      const said = await attempt(user, egress, `@public:${PORT}`);
      assert.doesNotMatch(said, /^(?:heard|reached)/m);
    });
    test(`a rule for exactly such an address opens it (${egress}, ${user})`, async () => {
      const said = await attempt(user, egress, ...OWN.map((address) => `${address}:${PORT}`));
      for (const address of OWN) assert.match(said, new RegExp(`^heard ${address}$`, 'm'));
    });
  }
