// A connection to another peer than the decided one is not handed over. A NAT or a BPF program in the kernel can cause it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { twin } from '../harness/asked.js';
import { listen } from '../harness/listener.js';
import { postern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { users } from '../harness/users.js';
import type { Wanted } from '../mutation/find-changes.js';
import { mutantDist } from '../mutation/mutant-dist.js';

const allowed = await listen();
const other = await listen((socket) => socket.write('another\n'));
after(() => Promise.all([allowed.close(), other.close()]));

const client = readFileSync(new URL('../interop/postern_client.py', import.meta.url), 'utf8');
const ASK = `
import os, socket

def begin(port):
    begun = socket.socket()
    begun.setblocking(False)
    error = begun.connect_ex(("127.0.0.1", port))
    if error != 115:
        raise OSError(error, os.strerror(error))
    return begun

try:
    sock = DIAL
    sock.settimeout(30)
    print("got", sock.recv(100))
except OSError as error:
    print(error.errno)
`;

interface Egress {
  readonly name: string;
  readonly egress: 'channel' | 'transparent';
  readonly dial: string;
  readonly elsewhere: Wanted;
  readonly uncompared: string;
}

const TRAP_DIALS_ELSEWHERE: Wanted = {
  at: 'an address is copied once',
  code: `startConnect(socket.number, { ...endpoint, port: ${other.port} }, dialer)`,
};

const EGRESSES: readonly Egress[] = [
  {
    name: 'transparent, non-blocking',
    egress: 'transparent',
    dial: `begin(${allowed.port})`,
    elsewhere: TRAP_DIALS_ELSEWHERE,
    uncompared: 'a non-blocking dial that ended at another peer is not handed over',
  },
  {
    name: 'transparent',
    egress: 'transparent',
    dial: `socket.create_connection(("127.0.0.1", ${allowed.port}))`,
    elsewhere: TRAP_DIALS_ELSEWHERE,
    uncompared: 'trap: the peer is compared before the hand-over',
  },
  {
    name: 'channel',
    egress: 'channel',
    dial: `Channel.from_environment().connect("127.0.0.1", ${allowed.port})`,
    elsewhere: {
      at: 'the channel dials',
      code: `startConnect(socket.number, { ...peer, port: ${other.port} }, dialer)`,
    },
    uncompared: 'channel: the peer is compared before the hand-over',
  },
];

const ECONNABORTED = 103;
const [user = 'user'] = users;

for (const { name, egress, dial, elsewhere, uncompared } of EGRESSES) {
  const ask = async (dist: string): Promise<string> => {
    const source = `${client.replace(/\nif __name__ == [\s\S]*$/, '\n')}${ASK.replace('DIAL', dial)}`;
    const words = ['run', '--egress', egress, '--allow', `127.0.0.1:${allowed.port}`, '--audit', '/dev/null'];
    const { stdout, stderr } = await postern([...words, '--', '/usr/bin/python3', '-c', source], {
      as: user,
      dist,
    });
    assert.notEqual(stdout, '', stderr);
    return stdout;
  };

  // proves: trap: the peer is compared before the hand-over
  // proves: channel: the peer is compared before the hand-over
  // proves: a non-blocking dial that ended at another peer is not handed over
  test(`a connection to another peer than was decided does not reach the plugin (${name})`, async () => {
    const heard = other.connections();
    assert.equal(await ask(mutantDist(elsewhere)), `${ECONNABORTED}\n`);
    // It was dialled. This process may hear of it later than of the end.
    await until(() => other.connections() > heard || undefined);
  });

  twin(`it reaches the plugin without the comparison (${name})`, async () => {
    assert.equal(await ask(mutantDist(elsewhere, uncompared)), "got b'another\\n'\n");
  });
}
