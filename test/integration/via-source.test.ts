// The address that a plugin's connections leave from (`via.source`), in a network of the test's own with several addresses.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownNetworkWith } from '../harness/own-network.js';
import { postern } from '../harness/postern.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';

const SOURCE = '192.0.2.2';
const PEER = '192.0.2.9';
const PEER_6 = '2001:db8::9';
const PORT = 4430;

/** Tells each client its address, at an IPv4 and an IPv6 address. */
const SERVER = `
import socket, threading
def serve(family, address):
    server = socket.create_server((address, ${PORT}), family=family)
    while True:
        one, peer = server.accept()
        one.sendall(peer[0].encode())
        one.close()
threading.Thread(target=serve, args=(socket.AF_INET6, "${PEER_6}")).start()
serve(socket.AF_INET, "0.0.0.0")
`;
const SETUP = `for address in ${SOURCE} 192.0.2.3 ${PEER}; do ip addr add $address/32 dev lo; done
ip -6 addr add ${PEER_6}/128 dev lo nodad
python3 -c '${SERVER}' >/dev/null 2>&1 </dev/null &
server=$!
until [ "$(ss -Hltn 'sport = :${PORT}' | wc -l)" = 2 ]; do sleep 0.02; done`;

const inside = ownNetworkWith(SETUP);

const PROGRAM = `${PYTHON_CHANNEL}
import errno, select
def read(one):
    return b"".join(iter(lambda: one.recv(4096), b"")).decode()
def blocking(address):
    return read(socket.create_connection((address, ${PORT})))
def non_blocking(address):
    one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    one.setblocking(False)
    result = one.connect_ex((address, ${PORT}))
    if result not in (0, errno.EINPROGRESS): raise OSError(result, "")
    select.select([], [one], [])
    one.setblocking(True)
    return read(one)
def mapped(address):
    one = socket.socket(socket.AF_INET6)
    one.connect(("::ffff:" + address, ${PORT}))
    return read(one)
channel = Channel.from_environment()
def by_channel(address):
    return read(channel.connect(address, ${PORT}, 5000))
for way in (blocking, non_blocking, mapped, by_channel):
    for address in sys.argv[1:]:
        if way is mapped and ":" in address: continue
        try: print(way.__name__, address, way(address))
        except ConnectError as error: print(way.__name__, address, error.name)
        except OSError as error: print(way.__name__, address, errno.errorcode[error.errno])
`;

async function run(via: readonly string[]): Promise<readonly string[]> {
  const rules = [`${PEER}:${PORT}`, `[${PEER_6}]:${PORT}`, `127.0.0.1:${PORT}`].flatMap((rule) => [
    '--allow',
    rule,
  ]);
  const command = ['/usr/bin/python3', '-c', PROGRAM, PEER, PEER_6, '127.0.0.1'];
  const { stdout, stderr } = await postern(['run', ...rules, ...via, '--', ...command], {
    as: 'root',
    inside,
  });
  assert.notEqual(stdout, '', stderr);
  return stdout.trimEnd().split('\n');
}

// proves: connections leave from the source address
// proves: a family without a source address is not dialled
test('connections leave from the source address; a family without one is not dialled; loopback stays as it is', async () => {
  assert.deepEqual(await run(['--via-source', SOURCE]), [
    `blocking ${PEER} ${SOURCE}`,
    `blocking ${PEER_6} ENETUNREACH`,
    'blocking 127.0.0.1 127.0.0.1',
    `non_blocking ${PEER} ${SOURCE}`,
    `non_blocking ${PEER_6} ENETUNREACH`,
    'non_blocking 127.0.0.1 127.0.0.1',
    `mapped ${PEER} ${SOURCE}`,
    'mapped 127.0.0.1 127.0.0.1',
    `by_channel ${PEER} ${SOURCE}`,
    `by_channel ${PEER_6} ENETUNREACH`,
    'by_channel 127.0.0.1 127.0.0.1',
  ]);
});

test('without a source, the kernel picks the address', async () => {
  const lines = await run([]);
  assert.ok(!lines.some((line) => line.endsWith(` ${SOURCE}`)), lines.join('\n'));
  assert.equal(lines.filter((line) => line.endsWith(` ${PEER_6}`)).length, 3);
});
