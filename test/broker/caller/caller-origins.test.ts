import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { CallerOrigins } from '../../../broker/caller/caller-processes.js';
import {
  type ConnectionDescription,
  readDescription,
  writeDescription,
} from '../../../broker/ledger/register.js';
import { ConnectionSlot } from '../../../broker/ledger/slot-memory.js';
import { CONNECTION_SLOT_BYTES } from '../../../shared/limits.js';
import { ownFolder } from '../../harness/own-folder.js';

test('an origin has the name of the process, or of the program if Node has renamed its thread', (t) => {
  const title = process.title;
  t.after(() => {
    process.title = title;
  });
  for (const [name, program] of [
    ['my-program', 'my-program'],
    ['MainThread', basename(process.execPath)],
    ['node-MainThread', basename(process.execPath)],
  ] as const) {
    process.title = name;
    assert.deepEqual(new CallerOrigins().of(process.pid), { door: 'trap', pid: process.pid, program });
  }
});

// proves: accounts: the name of a program is bounded
test('a program with a long name of odd characters is described whole where its connection is noted', async (t) => {
  const file = join(ownFolder('root'), '\u0001'.repeat(250));
  await copyFile('/bin/sh', file);
  const program = spawn(file, ['-c', 'printf MainThread >/proc/$$/comm; echo named; read line'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => program.kill());
  await once(program.stdout, 'data');
  const origin = new CallerOrigins().of(program.pid ?? 0);
  assert.equal(origin.program, '\u0001'.repeat(15));

  const description: ConnectionDescription = {
    ...origin,
    ...{ decision_id: `${'f'.repeat(12)}-${Number.MAX_SAFE_INTEGER}`, decision: 'would_deny' },
    ...{ host: 'h'.repeat(253), port: 65_535, rule: null, dialed: 'ffff:'.repeat(8), names: [] },
    ...{ approved: false, tunnelled: null },
  };
  const slot = new ConnectionSlot(new Uint8Array(CONNECTION_SLOT_BYTES));
  writeDescription(slot, description);
  assert.deepEqual(readDescription(slot), description);
});
