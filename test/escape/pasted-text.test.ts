// postern tells the operator what to paste to allow a connect. A plugin chooses a part of that text: the path of a UNIX socket. It must not
// put code into the operator's shell, nor a further rule into a list. A shell and a YAML parser judge here.
// proves: a plugin writes no shell code into an option to paste
// proves: a plugin writes no further rule into a list to paste
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { ruleFileOf } from '../../sandbox/cli/describe-learnt.js';
import { asRuleOption, asVisibleOptions, asYamlItems } from '../../sandbox/cli/refusal-line.js';
import { anyUser } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import { readableFile, readableFolder } from '../harness/users.js';

const HOSTILE = [
  `unix:/run/x';echo PWNED;'`,
  'unix:/run/x`echo PWNED`$(echo PWNED)"; echo PWNED',
  'unix:/run/db", "10.0.0.0/8',
  'unix:/run/\\", \\',
  'unix:/run/a b # c',
  'unix:/run/é!!',
];
/** No rule has such a character, except the second one. A broker that was taken over could send the others. */
const ACTING = ["a\n';echo PWNED", 'unix:/run/\u202ex\\', "b\u001b[2J'\r"];

/** The words that a shell makes of a text. */
function wordsOf(text: string, shell = 'sh'): string[] {
  const { stdout, stderr } = spawnSync(shell, ['-c', `printf '%s\\0' ${text}`], { encoding: 'utf8' });
  assert.equal(stderr, '');
  return stdout.split('\0').slice(0, -1);
}

test('a shell takes a suggested option as two words, whatever the rule is', () => {
  for (const text of [...HOSTILE, ...ACTING]) {
    assert.deepEqual(wordsOf(asRuleOption('allow', text), 'bash'), ['--allow', text]);
    assert.deepEqual(wordsOf(asVisibleOptions([text, text]), 'bash'), ['--visible', text, '--visible', text]);
    const posix = wordsOf(asRuleOption('deny', text));
    assert.equal(posix.length, 2);
    if (HOSTILE.includes(text)) assert.equal(posix[1], text);
  }
});

// proves: a path that a fix tells to show is quoted
for (const user of anyUser)
  test(`a suggested option with a path that a program names is two words (${user})`, async () => {
    const folder = join(readableFolder(), `x';echo\${IFS}PWNED;'`);
    mkdirSync(folder);
    const interpreter = join(folder, 'run');
    writeFileSync(interpreter, '', { mode: 0o755 });
    const script = readableFile('script', `#!${interpreter}\n`);
    const { status, stderr } = await postern(['run', '--', script], { as: user });
    assert.equal(status, 127, stderr);
    const [, option = ''] = /; show it with (--visible .*)$/m.exec(stderr) ?? [];
    assert.deepEqual(wordsOf(option), ['--visible', interpreter]);
  });

test('a YAML parser takes suggested values as exactly those, in one line of text', () => {
  const texts = [...HOSTILE, ...ACTING];
  const line = `[${asYamlItems(texts)}]`;
  assert.deepEqual(parse(line), texts);
  assert.doesNotMatch(line, /[\p{Cc}\p{Cf}]/u);
  const rules = texts.map((rule) => ({ rule, host: 'a', ports: [], connected: true }));
  const learnt = {
    rules,
    looked_up: ["a'\nallow: ['*']"],
    shared: [],
    refused: texts.map((text) => ({ message: text, reason: '', suggestion: text, name_suggestion: null })),
    missed: 0,
    assumed: [],
    requests: [],
  };
  const about = { path: 'rules.yaml', plugin: 'one' };
  assert.deepEqual(parse(ruleFileOf(learnt, about)), { allow: texts });
  const added = ruleFileOf(learnt, about, 'allow: [api.example.com]\ndeny: []\n');
  assert.deepEqual(parse(added), { allow: ['api.example.com', ...texts], deny: [] });
});

const ASK = `
${PYTHON_CHANNEL}
channel = Channel.from_environment()
for host in ${JSON.stringify(HOSTILE)}:
    try:
        channel.connect(host, 0)
    except ConnectError as error:
        print(error.errno)
`;

/** What follows `marker` in each line that has it. */
const after = (said: string, marker: string): string[] =>
  said.split('\n').flatMap((line) => {
    const at = line.indexOf(marker);
    return at < 0 ? [] : [line.slice(at + marker.length)];
  });

for (const user of anyUser) {
  test(`a plugin puts nothing into what the operator pastes but its rule (${user})`, async () => {
    const command = ['--', '/usr/bin/python3', '-c', ASK];
    for (const words of [['run', '--audit', '/dev/null'], ['learn']]) {
      const { stderr } = await postern([...words, ...command], { as: user });
      const options = after(stderr.replaceAll(' on port 443: ', ': '), 'to allow it: ');
      assert.deepEqual(
        options.map((option) => wordsOf(option)),
        HOSTILE.map((rule) => ['--allow', rule]),
        stderr,
      );
    }
    const config = readableFile(
      'postern.yaml',
      `audit: /dev/null\nplugins: {one: {command: [/usr/bin/python3, -c, ${JSON.stringify(ASK)}]}}`,
    );
    const { stderr } = await postern(['up', '--config', config], { as: user });
    const items = after(stderr.replaceAll(' on port 443: ', ': '), 'to allow it: add ').map((text) =>
      text.replace(/ to plugins\.one\..*/, ''),
    );
    assert.deepEqual(
      items.map((item) => parse(`[${item}]`)),
      HOSTILE.map((rule) => [rule]),
      stderr,
    );
    const [rule = ''] = HOSTILE;
    const explained = await postern(['explain', rule, '--allow', 'example.com'], { as: user });
    assert.deepEqual(
      after(explained.stdout, 'to allow it ').map((text) => wordsOf(text)),
      [['--allow', rule]],
    );
  });
}
