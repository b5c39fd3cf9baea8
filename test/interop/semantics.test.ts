import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import { users } from '../harness/users.js';
import { direct, inside, Ports, semanticsProgram } from './side-by-side.js';

let ports: Ports;
before(async () => {
  ports = await Ports.start();
});
after(() => ports.close());

const PROGRAMS = {
  states: 'connect(2) answers in each state of a socket as the kernel does',
  // proves: a socket's duplicates are replaced too
  options: 'a socket keeps flags, SO_LINGER and duplicates over connect(2)',
  addresses:
    'addresses of each family, of wrong lengths, in no memory, and descriptors that are none are what they are',
  processes: 'children and threads connect as they would',
  // proves: the unspecified address is loopback
  // proves: a connect on a socket of the sandbox never waits
  inside: 'listeners, UDP and AF_UNIX of the sandbox are what they are anywhere',
  requests: 'urgent data has its mark, a socket its owner, and `lo` its name and addresses',
  // proves: a pair for a pointer to no memory is not made
  pairs:
    'a pair of AF_UNIX datagram sockets has its flags and numbers, keeps the bounds of messages, and leaves nothing behind',
  modes: 'a folder may have the set-gid bit, and what is no folder answers as the kernel does',
  signals: 'signals reach a connect that waits as they would reach it on the host',
} as const;

/** Ids and groups decide what these see. */
const OF_EACH_USER = ['requests', 'modes'];

for (const [turn, [name, sentence]] of Object.entries(PROGRAMS).entries()) {
  test(`${sentence}: to the host, and within the sandbox`, async () => {
    const program = semanticsProgram(name);
    const as = OF_EACH_USER.includes(name) ? users : userInTurn(turn);
    const [expected, ...found] = await Promise.all([
      direct(program, ports),
      ...as.map((user) => inside(user, program, ports)),
    ]);
    for (const [index, lines] of found.entries()) assert.deepEqual(lines, expected, as[index]);
  });
}
