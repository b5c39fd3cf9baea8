import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freePort } from '../harness/free-port.js';
import { until } from '../harness/until.js';
import { readableFolder } from '../harness/users.js';
import { Page, testThatAllWasRun } from './page.js';
import { startCommands } from './run-commands.js';

const page = new Page('docs/serving.md');

test('the server answers on the socket that it inherits', async (t) => {
  const port = await freePort();
  const { text } = page.commands('--listen');
  const { child, result } = startCommands(t, text.replace('8080', String(port)), { cwd: readableFolder() });
  const answer = await until(
    () =>
      fetch(`http://127.0.0.1:${port}/`)
        .then((response) => response.text())
        .catch(() => undefined),
    40_000,
  );
  assert.equal(answer, 'hello\n');
  child.kill('SIGTERM');
  assert.equal((await result).status, 128 + 15);
});

testThatAllWasRun(page);
