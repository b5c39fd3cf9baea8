import assert from 'node:assert/strict';
import { linkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readCredentials } from '../../../sandbox/supervisor/via/via-line.js';
import { readableFolder } from '../../harness/users.js';

// proves: credentials whose file has another name are refused
test('credentials whose file has another name are refused: a plugin could see them by it', () => {
  const path = join(readableFolder(), 'credentials');
  writeFileSync(path, 'user:password\n', { mode: 0o600 });
  linkSync(path, `${path}.old`);
  assert.throws(() => readCredentials('web', path, []), {
    code: 'bad_via',
    message: /it has another name \(a hard link\)/,
    fix: /a file of its own/,
  });
  rmSync(`${path}.old`);
  assert.deepEqual(readCredentials('web', path, []), { user: 'user', password: 'password' });
});
