// A plugin has a terminal of its own. Beside its user, in the background or in a pipeline, it reads nothing that the user types, and the
// user's terminal is as it was afterwards.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { readableFile, type User } from '../harness/users.js';

const driver = readableFile(
  'own-terminal.py',
  readFileSync(new URL('own-terminal.py', import.meta.url), 'utf8'),
);
const TYPED = 'what the user types';

async function attempt(user: User, how: string): Promise<Readonly<Record<string, unknown>>> {
  const { stdout, stderr } = await postern(['run'], { as: user, through: ['/usr/bin/python3', driver, how] });
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout);
}

for (const [turn, how] of ['background', 'pipeline'].entries()) {
  for (const user of userInTurn(turn)) {
    // proves: the user's terminal is read in the foreground alone
    // proves: a plugin that stops itself stops postern only in the foreground
    test(`a plugin in the ${how} reads and keeps nothing of its user's terminal (${user})`, async () => {
      const { text, ...found } = await attempt(user, how);
      assert.deepEqual(
        found,
        { plugin: '', shell: TYPED, ended: true, flows: true, same: true, alone: false, stopped: false },
        String(text),
      );
    });
  }
}
for (const [turn, [how, what]] of (
  [
    // proves: a plugin in a pipeline reads nothing while another program has set modes
    ['password', 'asks for a password'],
    // proves: a plugin in a pipeline reads nothing while another program has set modes
    ['toggled', 'asks for a password, while the plugin sets modes'],
    // proves: a plugin in a pipeline reads nothing while another program has set modes
    // proves: a plugin beside another program at the terminal reads no keys
    ['beside', 'asks for a password in a script, with the plugin behind &'],
  ] as const
).entries()) {
  for (const user of userInTurn(turn)) {
    test(`a plugin reads nothing of what the user types when another program ${what} (${user})`, async () => {
      const { text, ...found } = await attempt(user, how);
      assert.deepEqual(
        found,
        { plugin: '', shell: TYPED, ended: true, flows: true, same: true, alone: false, stopped: false },
        String(text),
      );
      assert.doesNotMatch(String(text).replace(/shell<.*>/, ''), new RegExp(TYPED), 'it does not show');
    });
  }
}
for (const [turn, [how, status]] of (
  [
    ['killed', 128 + 9],
    ['terminated', 128 + 15],
    ['restored', 128 + 15],
  ] as const
).entries()) {
  const after = how === 'restored' ? 'beside which another program set modes' : `that is ${how}`;
  for (const user of userInTurn(turn)) {
    // proves: the user's terminal is given back as it was
    // proves: modes that another program sets for a while are not taken for the user's
    test(`the terminal is as it was after a plugin ${after} (${user})`, async () => {
      const { text, ...found } = await attempt(user, how);
      assert.deepEqual(
        found,
        { plugin: TYPED, shell: null, ended: true, flows: true, same: true, alone: true, stopped: false },
        String(text),
      );
      assert.match(String(text), new RegExp(`ended ${status}$`, 'm'));
    });
  }
}
