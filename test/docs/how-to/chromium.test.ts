import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readableFolder } from '../../harness/users.js';
import { type Internet, startInternet } from '../internet.js';
import { Page, testThatAllWasRun } from '../page.js';
import { runCommands } from '../run-commands.js';

const page = new Page('docs/how-to/chromium.md');
const PNG = Buffer.from('\x89PNG\r\n', 'latin1');

let internet: Internet;
before(async () => {
  internet = await startInternet({ names: ['www.example.com', 'tracker.example.net'] });
});
after(() => internet.close());

/** Chromium has its own list of authorities, and takes none of the system's. */
function trusting(text: string): string {
  const line = text.replace('--no-sandbox', '--no-sandbox --ignore-certificate-errors');
  assert.notEqual(line, text);
  return line;
}

test('Chromium makes a picture of a page', async (t) => {
  const cwd = readableFolder();
  const { text } = page.commands('--screenshot');
  const { status, stderr } = await runCommands(t, trusting(text), { cwd, within: internet.within });
  assert.equal(status, 0, stderr);
  assert.deepEqual(readFileSync(join(cwd, 'out/page.png')).subarray(0, PNG.length), PNG);
});

test('Chromium prints a page, and does not load one that no rule allows', async (t) => {
  const where = { cwd: readableFolder(), within: internet.within };
  const loaded = await runCommands(t, trusting(page.commands('--dump-dom https://www').text), where);
  assert.match(loaded.stdout, /served www\.example\.com/);
  const { text, shown } = page.commands('--dump-dom https://tracker');
  const refused = await runCommands(t, trusting(text), where);
  assert.ok(!refused.stdout.includes('served'));
  assert.ok(refused.stderr.includes(shown.trimEnd()), refused.stderr);
  assert.deepEqual(new Set(internet.connections()), new Set(['www.example.com:443']));
});

testThatAllWasRun(page);
