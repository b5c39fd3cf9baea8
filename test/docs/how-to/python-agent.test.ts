import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readableFolder } from '../../harness/users.js';
import { type Internet, startInternet } from '../internet.js';
import { Page, testThatAllWasRun } from '../page.js';
import { runCommands } from '../run-commands.js';

const page = new Page('docs/how-to/python-agent.md');
const { text } = page.commands('agent.py');
const sites = readableFolder();
const cwd = readableFolder();
const answer = join(sites, 'api.example.com/v1/next.json');
page.writeFiles(cwd, 'agent.py');

let internet: Internet;
before(async () => {
  mkdirSync(join(answer, '..'), { recursive: true });
  internet = await startInternet({ names: ['api.example.com', 'tracker.example.net'], folder: sites });
});
after(() => internet.close());

const says = (command: string): void => writeFileSync(answer, JSON.stringify({ command }));
const result = (): string => readFileSync(join(cwd, 'out/result.txt'), 'utf8');

test('the agent reaches its API and runs what it answers', async (t) => {
  says('echo done with $API_KEY; touch elsewhere');
  const { status, stderr } = await runCommands(t, text, { cwd, within: internet.within });
  assert.equal(status, 0, stderr);
  assert.match(result(), /^1\ndone with secret\ntouch: .*Read-only file system\n$/);
});

test('what it is told to fetch elsewhere is refused, and the line is as shown', async (t) => {
  says('curl -sS https://tracker.example.net/');
  const { status, stderr } = await runCommands(t, text, { cwd, within: internet.within });
  assert.equal(status, 0, stderr);
  assert.match(result(), /^6\ncurl: \(6\) Could not resolve host: tracker\.example\.net\n$/);
  assert.equal(stderr.replace(/pid \d+/, 'pid 123'), page.output('postern: '));
  assert.ok(!internet.connections().some((place) => place.startsWith('tracker')));
});

test('a virtual environment in the working directory works', async (t) => {
  execFileSync('/usr/bin/python3', ['-m', 'venv', '--without-pip', '.venv'], { cwd });
  says('echo done');
  const line = text.replace('python3 agent.py', '.venv/bin/python agent.py');
  assert.notEqual(line, text);
  const { status, stderr } = await runCommands(t, line, { cwd, within: internet.within });
  assert.equal(status, 0, stderr);
  assert.equal(result(), '0\ndone\n');
});

testThatAllWasRun(page);
