// The steps of deploy/action, run as the runner of GitHub runs them: expressions are replaced, and each step is a script of bash with its environment.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse } from 'yaml';
import { type Internet, startInternet } from '../docs/internet.js';
import { Page, TOP } from '../docs/page.js';
import { asUser, chownTo, distFor, readableFolder } from '../harness/users.js';

const ACTION = join(TOP, 'deploy/action');

interface Step {
  readonly shell: string;
  readonly run: string;
  readonly env?: Readonly<Record<string, string>>;
}

interface Action {
  readonly inputs: Readonly<Record<string, { readonly default?: string; readonly required?: boolean }>>;
  readonly runs: { readonly using: string; readonly steps: readonly Step[] };
}

interface Ran {
  readonly status: number | null;
  readonly said: string;
  readonly summary: string;
}

let internet: Internet;
before(async () => {
  internet = await startInternet({ names: ['api.example.com', 'other.example.net'] });
});
after(() => internet.close());

/** @param withPostern whether the runner has the command @param prepare puts files into the workspace, and says where the action lies there */
async function runAction(
  inputs: Readonly<Record<string, string>>,
  withPostern = true,
  prepare?: (workspace: string) => string | undefined,
): Promise<Ran & { workspace: string }> {
  const action: Action = parse(readFileSync(join(ACTION, 'action.yml'), 'utf8'));
  assert.equal(action.runs.using, 'composite');
  const [workspace, temp, bin] = [readableFolder(), readableFolder(), readableFolder()];
  for (const name of Object.keys(inputs)) assert.ok(name in action.inputs, name);
  const value = (expression: string): string => {
    const [, kind, name = ''] = /^(github|inputs)\.([\w-]+)$/.exec(expression) ?? [];
    if (kind === 'github') return name === 'workspace' ? workspace : assert.fail(expression);
    const input = action.inputs[name] ?? assert.fail(expression);
    return replaced(inputs[name] ?? input.default ?? '');
  };
  const replaced = (text: string): string =>
    text.replace(/\$\{\{ *(.*?) *\}\}/g, (_whole, one: string) => value(one));
  if (withPostern) symlinkSync(join(distFor('user'), 'run/postern.js'), join(bin, 'postern'));
  const files = { GITHUB_STEP_SUMMARY: join(temp, 'summary'), GITHUB_PATH: join(temp, 'path') };
  for (const path of Object.values(files)) writeFileSync(path, '');
  const place = prepare?.(workspace) ?? ACTION;
  for (const path of [workspace, temp, ...Object.values(files)]) chownTo('user', path);
  let said = '';
  for (const { shell, run, env = {} } of action.runs.steps) {
    assert.equal(shell, 'bash');
    const script = join(temp, 'step.sh');
    writeFileSync(script, run, { mode: 0o644 });
    const set = Object.fromEntries(Object.entries(env).map(([name, text]) => [name, replaced(text)]));
    const added = readFileSync(files.GITHUB_PATH, 'utf8').trim();
    const { status, output } = await runStep(script, workspace, {
      PATH: [
        ...(added === '' ? [] : [added]),
        bin,
        dirname(process.execPath),
        '/usr/bin:/bin:/usr/sbin:/sbin',
      ].join(':'),
      ...{ HOME: temp, CI: 'true', JOB_SECRET: 'never-seen-by-the-step' },
      ...{ GITHUB_ACTION_PATH: place, GITHUB_WORKSPACE: workspace, RUNNER_TEMP: temp, ...files, ...set },
    });
    said += output;
    if (status !== 0)
      return { status, said, summary: readFileSync(files.GITHUB_STEP_SUMMARY, 'utf8'), workspace };
  }
  return { status: 0, said, summary: readFileSync(files.GITHUB_STEP_SUMMARY, 'utf8'), workspace };
}

function runStep(
  script: string,
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly status: number | null; readonly output: string }> {
  // To enter a mount namespace is to leave the working directory.
  const inFolder = ['sh', '-c', 'cd "$1" && shift && exec "$@"', 'sh', cwd];
  const bash = ['bash', '--noprofile', '--norc', '-eo', 'pipefail', script];
  const [command = '', ...words] = [...internet.within, ...asUser('user'), ...inFolder, ...bash];
  const child = spawn(command, words, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, output }));
  });
}

const RUN = `curl -sS http://api.example.com/ >one
curl -sS http://other.example.net/ >two || echo "no way: $?"
echo "secret: \${JOB_SECRET:-none}"; ls "\${GITHUB_STEP_SUMMARY:-/nowhere}" 2>&1 || true
exit 3`;

test('audit lists what no rule allows, block refuses it, and the status is that of the commands', async () => {
  const audit = await runAction({ run: RUN, mode: 'audit', allow: 'api.example.com:80\n' });
  assert.equal(audit.status, 3, audit.said);
  assert.equal(readFileSync(join(audit.workspace, 'two'), 'utf8').trim(), 'served other.example.net');
  assert.match(audit.summary, /^### Network of this step, by postern \(audit\)$/m);
  assert.match(audit.summary, /^\| `other\.example\.net:80` \| \*\*no rule allows it\*\* \| 1 \|$/m);
  assert.match(audit.summary, /^\| `api\.example\.com:80` \| allowed \| 1 \|$/m);
  assert.match(audit.summary, /^- `other\.example\.net:80`$/m);
  const heard = internet.connections().length;
  const block = await runAction({ run: RUN, allow: 'api.example.com:80' });
  assert.equal(block.status, 3, block.said);
  assert.match(block.said, /no way: 6/);
  assert.match(block.said, /secret: none/);
  assert.equal(readFileSync(join(block.workspace, 'one'), 'utf8').trim(), 'served api.example.com');
  assert.deepEqual(internet.connections().slice(heard), ['api.example.com:80']);
  assert.match(block.summary, /^\| `other\.example\.net` \| \*\*refused\*\* \| \d+ \|$/m);
});

test('a step has its own rules file and variables, and no input becomes a command', async () => {
  const folder = readableFolder();
  writeFileSync(join(folder, 'rules.yaml'), 'allow: ["api.example.com:80"]\n');
  const { status, said, workspace } = await runAction({
    run: 'echo "$GREETING, $(basename "$PWD")"; curl -sS http://api.example.com/',
    rules: join(folder, 'rules.yaml'),
    env: 'GREETING=$(touch /tmp/never); hello\n',
    allow: 'other.example.net\n\n',
  });
  assert.equal(status, 0, said);
  assert.match(said, /^\$\(touch \/tmp\/never\); hello, postern-test-/m);
  assert.match(said, /served api\.example\.com/);
  assert.equal(existsSync('/tmp/never'), false);
  assert.equal(existsSync(workspace), true);
});

// It asks only whether the host is reached, and the tests' DNS knows no real one: without the preset it is denied before that.
test('a step takes presets, one in each line', async () => {
  const { said, summary } = await runAction({
    run: 'curl -sS https://registry.npmjs.org/ https://pypi.org/ || true',
    presets: 'npm\npypi\n',
  });
  assert.doesNotMatch(summary, /refused/, said);
  const { summary: without } = await runAction({
    run: 'curl -sS https://registry.npmjs.org/ || true',
    presets: 'pypi',
  });
  assert.match(without, /^\| `registry\.npmjs\.org` \| \*\*refused\*\* \| \d+ \|$/m);
});

test('what runs after the commands is none of theirs, and the runner obeys no line of them', async () => {
  const hostile = `for file in run.sh summary.mjs; do
    echo "touch $RUNNER_TEMP/owned; exit 0" >>action/$file || echo "kept $file"
    mv action/$file action/other || echo "kept $file"
  done
  mv action away || echo kept action
  echo "::add-mask::kept"; printf ::warning::no`;
  const { status, said } = await runAction({ run: hostile }, true, (workspace) => {
    const place = join(workspace, 'action');
    cpSync(ACTION, place, { recursive: true });
    for (const path of [place, ...readdirSync(place).map((name) => join(place, name))]) chownTo('user', path);
    return place;
  });
  assert.equal(status, 0, said);
  for (const [name, times] of [
    ['run.sh', 2],
    ['summary.mjs', 2],
    ['action', 1],
  ] as const)
    assert.equal(said.split(`kept ${name}\n`).length - 1, times, said);
  // What the runner does with the lines of a step.
  const obeyed: string[] = [];
  let token: string | undefined;
  for (const line of said.split('\n')) {
    if (token !== undefined) token = line === `::${token}::` ? undefined : token;
    else if (line.startsWith('::stop-commands::')) token = line.slice('::stop-commands::'.length);
    else if (line.startsWith('::')) obeyed.push(line);
  }
  assert.deepEqual([obeyed, token], [[], undefined], said);
  const other = /^::stop-commands::([0-9a-f]{32})$/m.exec((await runAction({ run: 'true' })).said)?.[1];
  assert.ok(other !== undefined && !said.includes(other));
});

test('a token that is left in the workspace is warned of', async () => {
  const withConfig = (text: string) =>
    runAction({ run: 'true' }, true, (workspace) => {
      mkdirSync(join(workspace, '.git'));
      writeFileSync(join(workspace, '.git/config'), text);
      return undefined;
    });
  assert.match(
    (await withConfig('[http "https://example.com/"]\n\textraheader = AUTHORIZATION: basic x\n')).said,
    /^::warning::The commands can read the token of the job in \.git\/config/m,
  );
  assert.doesNotMatch((await withConfig('[core]\n')).said, /warning/);
});

test('a wrong mode, and a runner without postern, end the step with a message', async () => {
  const wrong = await runAction({ run: 'true', mode: 'enforce' });
  assert.deepEqual([wrong.status, wrong.said], [1, "::error::mode is audit or block, not 'enforce'\n"]);
  const missing = await runAction({ run: 'true' }, false);
  assert.deepEqual(
    [missing.status, missing.said],
    [...[1, '::error::postern is not installed here: name its tarball by package, as a path or a URL\n']],
  );
});

test('nothing in the summary acts as Markdown or HTML', async () => {
  const folder = readableFolder();
  const log = join(folder, 'audit.log');
  const hostile = {
    event: 'decision',
    decision: 'deny',
    host: 'a`|<img src=x>\n# x',
    port: 1,
    suggestion: '`\n- x',
  };
  writeFileSync(log, `${JSON.stringify(hostile)}\nno JSON\n${JSON.stringify({ event: 'gap' })}\n`);
  const child = spawn(process.execPath, [join(ACTION, 'summary.mjs'), 'enforce', log]);
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  await new Promise((resolve) => child.once('close', resolve));
  assert.match(text, /^\| `a\?\?\?img src=x\?\?# x:1` \| \*\*refused\*\* \| 1 \|$/m);
  assert.match(text, /^- `\?\?- x`$/m);
});

test('the examples of docs/how-to/ci.md are YAML, and name inputs of the action', () => {
  const page = new Page('docs/how-to/ci.md');
  const [github, gitlab] = [...page.text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text = '']) =>
    parse(text),
  );
  const action: Action = parse(readFileSync(join(ACTION, 'action.yml'), 'utf8'));
  const used = github.jobs.build.steps.flatMap((step: { uses: string; with?: object }) =>
    step.uses.includes('/deploy/action@') ? Object.keys(step.with ?? {}) : [],
  );
  assert.ok(used.length > 0);
  for (const name of used) assert.ok(name in action.inputs, name);
  assert.match(gitlab.build.script[0], /^postern run /);
});
