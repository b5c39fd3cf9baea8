import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { users } from '../harness/users.js';
import { direct, inside, Ports, semanticsProgram } from './side-by-side.js';

let ports: Ports;
before(async () => {
  ports = await Ports.start();
});
after(() => ports.close());

const PROGRAMS = {
  states: 'connect(2) answers in each state of a socket as the kernel does',
  options: 'a socket keeps flags, options and duplicates over connect(2)',
  signals: 'signals reach a connect that waits as they would reach it on the host',
} as const;

for (const [name, sentence] of Object.entries(PROGRAMS)) {
  test(`${sentence}: to the host, and within the sandbox`, async () => {
    const program = semanticsProgram(name);
    const [outward, own] = await Promise.all([direct(program, ports.words), direct(program, ['own'])]);
    await Promise.all(
      users.map(async (user) => {
        const reached = await inside(user, program, ports.words, ports.rules);
        assert.deepEqual(reached, outward, `to the host, ${user}`);
        assert.deepEqual(await inside(user, program, ['own']), own, `within the sandbox, ${user}`);
      }),
    );
  });
}
