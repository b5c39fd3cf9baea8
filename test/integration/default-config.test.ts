// The file that a command takes without a name: only the starter and root can have put it there.
import assert from 'node:assert/strict';
import { chmodSync, chownSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import { ownFolder } from '../harness/own-folder.js';
import { postern } from '../harness/postern.js';
import { chownTo, type User, users } from '../harness/users.js';

const OTHER = 12_345;
const CONFIG = 'plugins: {good: {command: [echo, ran], allow: [api.example.com]}}\n';
const EXPLAIN = ['good', 'api.example.com:443', '--resolved', '93.184.216.34'];
const COMMANDS = [
  { words: ['up'], named: ['up', '--config', 'postern.yaml'], status: 2 },
  { words: ['check'], named: ['check', 'postern.yaml'], status: 1 },
  { words: ['explain', ...EXPLAIN], named: ['explain', '--config', 'postern.yaml', ...EXPLAIN], status: 2 },
];

function configFolder(as: User): { readonly cwd: string; readonly file: string } {
  const cwd = ownFolder(as);
  const file = join(cwd, 'postern.yaml');
  writeFileSync(file, CONFIG);
  chownTo(as, file);
  return { cwd, file };
}

async function expectRefusal(as: User, cwd: string, why: RegExp): Promise<void> {
  // So do the commands that ask a running postern.
  const asked = await postern(['status'], { as, cwd });
  assert.equal(asked.status, 1);
  assert.match(asked.stderr, why);
  for (const [turn, { words, named, status }] of COMMANDS.entries()) {
    const refused = await postern(words, { as, cwd });
    assert.equal(refused.status, status, refused.stderr);
    assert.match(refused.stdout + refused.stderr, why);
    assert.doesNotMatch(refused.stdout, /ran/);
    if (!userInTurn(turn).includes(as)) continue;
    const taken = await postern(named, { as, cwd });
    assert.equal(taken.status, 0, taken.stdout + taken.stderr);
  }
}

for (const as of users) {
  test(`a default file of the starter's is taken (${as})`, async () => {
    const { cwd } = configFolder(as);
    for (const { words } of COMMANDS) {
      const { status, stdout, stderr } = await postern(words, { as, cwd });
      assert.equal(status, 0, stdout + stderr);
    }
  });

  // proves: a configuration that nobody named is the starter's own
  test(`a default file that everybody may write is taken only if it is named (${as})`, async () => {
    const { cwd, file } = configFolder(as);
    chmodSync(file, 0o666);
    await expectRefusal(as, cwd, /can be written by everybody/);
  });

  const skip = process.geteuid?.() === 0 ? false : 'needs root, to give the file to somebody else';
  // proves: a configuration that nobody named is the starter's own
  test(`a default file of somebody else is taken only if it is named (${as})`, { skip }, async () => {
    const { cwd, file } = configFolder(as);
    chownSync(file, OTHER, OTHER);
    await expectRefusal(as, cwd, /belongs to somebody else \(uid 12345\)/);
  });

  // proves: a configuration that nobody named is the starter's own
  test(`a default link to a file of somebody else is taken only if it is named (${as})`, {
    skip,
  }, async () => {
    const { cwd, file } = configFolder(as);
    const target = configFolder(as).file;
    chownSync(target, OTHER, OTHER);
    rmSync(file);
    symlinkSync(target, file);
    await expectRefusal(as, cwd, /belongs to somebody else/);
  });
}
