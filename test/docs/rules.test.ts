import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRule } from '../../shared/policy/parse-rule.js';
import { readableFolder } from '../harness/users.js';
import { startInternet } from './internet.js';
import { Page, testThatAllWasRun } from './page.js';
import { runCommands } from './run-commands.js';

const page = new Page('docs/rules.md');

test('each rule of the table is one, and each that the page calls invalid is none', () => {
  const rules = page.text
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, rule = '']) => rule));
  assert.ok(rules.length >= 8);
  for (const rule of rules) assert.ok(parseRule(rule, 'allow') !== undefined, rule);
  for (const rule of ['https://a.example', 'a.example/b', 'a.*.example', '*.com', '::1', '10.1.2.3/16'])
    assert.equal(parseRule(rule, 'allow'), undefined, rule);
});

test("the explanation is explain's", async (t) => {
  const { text, shown } = page.commands('explain');
  assert.deepEqual(await runCommands(t, text, { cwd: readableFolder() }), {
    status: 0,
    stdout: shown,
    stderr: '',
  });
});

test('the file of rules is one', async (t) => {
  const cwd = readableFolder();
  page.writeFiles(cwd, 'rules.yaml');
  const ask = 'postern explain a.example.org:8443 --rules rules.yaml --resolved 93.184.216.34';
  const { status, stdout, stderr } = await runCommands(t, ask, { cwd });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^rule {8}\*\.example\.org:443,8443 /m);
});

test('the vectors pass', async (t) => {
  const cwd = readableFolder();
  page.writeFiles(cwd, 'vectors.json');
  const { text, shown } = page.commands('postern test');
  assert.deepEqual(await runCommands(t, text, { cwd }), { status: 0, stdout: shown, stderr: '' });
});

test('a change and a boundary are told as shown', async (t) => {
  const cwd = readableFolder();
  page.writeFiles(cwd, 'before.yaml', 'after.yaml', 'boundary.yaml');
  for (const word of ['postern diff', 'check after.yaml']) {
    const { text, shown } = page.commands(word);
    assert.deepEqual(await runCommands(t, text, { cwd }), { status: 1, stdout: shown, stderr: '' });
  }
});

test('the rules learnt are what learn prints', async (t) => {
  const internet = await startInternet({ names: ['example.com'] });
  t.after(internet.close);
  const { text, shown } = page.commands('learn');
  const ran = await runCommands(t, text, { cwd: readableFolder(), ...internet });
  assert.deepEqual(ran, { status: 0, stdout: 'served example.com\n', stderr: shown });
});

testThatAllWasRun(page);
