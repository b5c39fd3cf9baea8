import assert from 'node:assert/strict';
import { test } from 'node:test';
import { userInTurn } from '../../harness/asked.js';
import { BY_ADDRESS, BY_NAME, CLOSED, OPEN_NAME, PORTS } from './addresses.js';
import { attemptInside } from './attempts.js';
import { testProgram, useNetwork } from './program.js';

const network = useNetwork();
const ask = (host: string, port: number = PORTS.http): string => `curl -sS http://${host}:${port}/`;

testProgram(network, {
  name: 'curl',
  ports: [PORTS.http],
  ask,
  prints: /^welcome$/m,
  refused: {
    byName: { status: 6, says: /Could not resolve host/ },
    byAddress: { status: 7, says: /Failed to connect/ },
  },
  alsoDone: [
    { command: ask(`[${BY_ADDRESS.six}]`), prints: /^welcome$/m },
    { command: `curl -6 -sS http://${OPEN_NAME}:${PORTS.http}/`, prints: /^welcome$/m },
  ],
  alsoRefused: [
    { command: ask(`[${CLOSED.six}]`), status: 7, says: /Failed to connect/ },
    { command: ask(OPEN_NAME, PORTS.otherHttp), status: 7, says: /Failed to connect/ },
    { command: ask(BY_ADDRESS.four, PORTS.otherHttp), status: 7, says: /Failed to connect/ },
  ],
});

for (const user of userInTurn(0)) {
  test(`an address that a name led to is not allowed without its name (${user})`, async () => {
    const rules = ['--allow', `${OPEN_NAME}:${PORTS.http}`];
    const [unasked] = await attemptInside(network(), user, rules, [ask(BY_NAME.four)]);
    assert.equal(unasked?.status, 7, unasked?.stderr);
    const [asked] = await attemptInside(network(), user, rules, [
      `${ask(OPEN_NAME)} && curl -4 -sS http://${OPEN_NAME}:${PORTS.http}/ && ${ask(BY_NAME.four)}`,
    ]);
    assert.equal(asked?.status, 0, asked?.stderr);
  });
}

for (const user of userInTurn(1)) {
  test(`with egress channel curl's own connect is EACCES, to what is allowed too (${user})`, async () => {
    const words = ['--egress', 'channel', '--allow', `${BY_ADDRESS.four}:${PORTS.http}`];
    const [outcome] = await attemptInside(network(), user, words, [
      `curl -v http://${BY_ADDRESS.four}:${PORTS.http}/`,
    ]);
    assert.equal(outcome?.status, 7, outcome?.stderr);
    assert.match(outcome?.stderr ?? '', /: Permission denied$/m);
  });
}
