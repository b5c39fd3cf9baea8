// TCP connects a socket to itself if nobody listens at a port that the kernel may pick for the socket (a simultaneous open, RFC 9293).
// A plugin with a rule for such a port of the host would so take the port from the host. Here the kernel has that one port to pick.
// proves: connect: no socket is connected to itself
// proves: a socket that was connected to itself gives the port up at once
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';

const PORT = 40_000;
const OWN = '10.9.8.7';
const ADDRESSES = ['127.0.0.1', '127.0.0.2', '::1', OWN];
const isRoot = process.geteuid?.() === 0;

/** At the end the judge binds the port at each address, without SO_REUSEADDR: a connection that waits for its end would forbid it. */
const NETWORK = `
ip link set lo up
ip addr add ${OWN}/32 dev lo
echo ${PORT} ${PORT} >/proc/sys/net/ipv4/ip_local_port_range
"$@"
/usr/bin/python3 -c '
import socket
for address in ${JSON.stringify(ADDRESSES)}:
    try:
        socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET).bind((address, ${PORT}))
        print("free", address)
    except OSError as error:
        print("taken", address, error)
'`;
const inside = [
  ...['unshare', ...(isRoot ? [] : ['--user', '--map-current-user', '--keep-caps']), '--net', '--'],
  ...['sh', '-c', NETWORK, 'sh'],
];

const ATTEMPTS = `
${PYTHON_CHANNEL}
import errno, select, socket

held = []

def trapped(family, address, blocking):
    own = socket.socket(family)
    held.append(own)
    own.setblocking(blocking)
    error = own.connect_ex((address, ${PORT}))
    if error == errno.EINPROGRESS:
        select.select([], [own], [], 10)
        error = own.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return error

def by_channel(address):
    try:
        held.append(channel.connect(address, ${PORT}))
        return 0
    except OSError as error:
        return error.errno

def tell(how, address, error):
    print(how, address, errno.errorcode.get(error, error), flush=True)

channel = Channel.from_environment()
for address in ${JSON.stringify(ADDRESSES)}:
    v6 = ":" in address
    family = socket.AF_INET6 if v6 else socket.AF_INET
    for blocking in (True, False):
        how = "blocking" if blocking else "non-blocking"
        tell(how, address, trapped(family, address, blocking))
        if not v6:
            tell(how, "mapped " + address, trapped(socket.AF_INET6, "::ffff:" + address, blocking))
    tell("channel", address, by_channel(address))
`;

for (const user of anyUser)
  test(`no plugin takes a port of the host by a connect to itself (${user})`, async () => {
    const rules = ADDRESSES.map((address) => (address.includes(':') ? `[${address}]` : address));
    const { stdout, stderr } = await postern(
      [
        'run',
        ...rules.flatMap((address) => ['--allow', `${address}:${PORT}`]),
        ...['--audit', '/dev/null', '--', '/usr/bin/python3', '-c', ATTEMPTS],
      ],
      { as: user, inside },
    );
    const said = stdout.trimEnd().split('\n');
    const attempts = said.slice(0, -ADDRESSES.length);
    assert.equal(attempts.length, 5 * 3 + 3, stdout + stderr);
    assert.deepEqual(
      attempts.filter((line) => !line.endsWith(' ECONNREFUSED')),
      [],
    );
    assert.deepEqual(
      said.slice(-ADDRESSES.length),
      ADDRESSES.map((address) => `free ${address}`),
    );
  });
