import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('./main.js', import.meta.url));

/** Starts a run in a Node of which a property is another one. */
function runWhere(
  property: string,
  value: string,
): { readonly status: number | null; readonly stderr: string } {
  const changed = `Object.defineProperty(process, '${property}', { value: ${value} })`;
  const words = ['--import', `data:text/javascript,${encodeURIComponent(changed)}`, main, 'no such file'];
  const { status, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
  return { status, stderr };
}

test('a Node that is too old, or cannot report tests, is named at once', () => {
  assert.deepEqual(runWhere('versions', "{ node: '18.20.4' }"), {
    status: 2,
    stderr: 'Cannot run tests: Node 18.20.4 is too old; they need Node 20 or later, with --test-reporter\n',
  });
  assert.match(runWhere('allowedNodeEnvironmentFlags', 'new Set()').stderr, /^Cannot run tests: Node .*\n$/);
});
