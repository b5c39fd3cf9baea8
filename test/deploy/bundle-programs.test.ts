import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { copyPrograms } from '../harness/copy-programs.js';

test('a program finds its packages beside its tree, wherever the process that bundles it was started', () => {
  const dist = copyPrograms();
  const file = join(dist, 'run/postern-main.cjs');
  rmSync(file);
  const module = new URL('../../deploy/bundle-programs.js', import.meta.url).href;
  const code = `import { bundleProgram } from '${module}'; bundleProgram(process.argv[1], 'postern-main');`;
  execFileSync(process.execPath, ['--input-type=module', '-e', code, dist], { cwd: '/' });
  assert.ok(existsSync(file));
});
