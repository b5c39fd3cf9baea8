// fish completes a line on request. zsh completes at a terminal only: its module zpty is one.
// needs: zsh, fish
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { postern } from '../harness/postern.js';
import { readableFolder, users } from '../harness/users.js';

const [anyone = 'user'] = users;
const cwd = readableFolder();

before(async () => {
  for (const shell of ['zsh', 'fish']) {
    const { stdout } = await postern(['completion', shell], { as: anyone });
    writeFileSync(join(cwd, shell), stdout);
  }
  writeFileSync(join(cwd, 'a-file'), '');
});

function run(command: string, ...args: readonly string[]): string {
  const env = { PATH: process.env['PATH'], HOME: cwd, TERM: 'dumb' };
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env, encoding: 'utf8' });
  assert.deepEqual([status, stderr], [0, '']);
  return stdout;
}

function byFish(line: string): readonly string[] {
  const text = run('fish', '--no-config', '-c', 'source fish; complete -C $argv[1]', line);
  return text.split('\n').flatMap((row) => row.split('\t')[0] || []);
}

test('fish completes commands, options and values', () => {
  assert.deepEqual(byFish('postern che'), ['check']);
  assert.deepEqual(byFish('postern --vers'), ['--version']);
  assert.deepEqual(byFish('postern run --egre'), ['--egress']);
  assert.deepEqual(byFish('postern run --mode '), ['audit', 'enforce']);
  assert.deepEqual(byFish('postern asks '), ['approve', 'deny']);
  assert.deepEqual(byFish('postern asks approve --sco'), ['--scope']);
  assert.deepEqual(byFish('postern check a-'), ['a-file']);
  assert.deepEqual(byFish('postern doctor '), []);
  assert.deepEqual(byFish('postern run --allow x -- mkfif'), ['mkfifo']);
  assert.deepEqual(byFish('postern run --allow x mkfif'), ['mkfifo']);
});

/** Each line is typed into a zsh of its own terminal, and printed as zsh completes it: print -z would show it only to a person. */
const TYPE = `zmodload zsh/zpty
zpty shell zsh -f
expect() { local all part; while zpty -r shell part; do all+=$part; [[ $all == *$1* ]] && return; done; return 1; }
zpty -w shell 'unsetopt zle_bracketed_paste; autoload -U compinit; compinit -u -D; source zsh
done-now() { print -r -- "<$BUFFER>"; BUFFER= }; zle -N done-now; bindkey "^X" done-now; bindkey "^I" complete-word; print rea''dy'
expect ready
for line; do
  zpty -n -w shell "$line"$'\\t\\x18'
  all=; while zpty -r shell part; do all+=$part; [[ $all == *'<'*'>'* ]] && break; done
  print -r -- "\${\${all##*<}%%>*}"
done`;

test('zsh completes commands, options and values', () => {
  const expected = {
    'postern che': 'postern check ',
    'postern run --egre': 'postern run --egress=',
    'postern run --mode=au': 'postern run --mode=audit ',
    'postern run --preset np': 'postern run --preset npm ',
    'postern asks app': 'postern asks approve ',
    'postern asks approve --sco': 'postern asks approve --scope=',
    'postern stop --js': 'postern stop --json ',
    'postern check a-': 'postern check a-file ',
    'postern run --allow x -- mkfif': 'postern run --allow x -- mkfifo ',
    'postern run cat a-': 'postern run cat a-file ',
  };
  const lines = run('zsh', '-f', '-c', TYPE, 'zsh', ...Object.keys(expected))
    .trimEnd()
    .split('\n');
  assert.deepEqual(
    lines.map((line) => line.trimEnd()),
    Object.values(expected).map((line) => line.trimEnd()),
  );
});
