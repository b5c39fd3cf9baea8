// A plugin leaves code where the program of `ask.hook` would load it. That program runs outside of every sandbox.
// needs: namespaces
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { PATIENCE } from '../harness/patience.js';
import { type PosternResult, postern, type RunningPostern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { readableFolder, type User, users } from '../harness/users.js';

/** It plants, waits for a file if it gets a path, and asks for a place that no rule allows. */
const PLUGIN = `import os, socket, subprocess, sys, time
subprocess.run(["/bin/sh", "-c", sys.argv[1]])
print("planted", flush=True)
while len(sys.argv) > 2 and not os.path.exists(sys.argv[2]): time.sleep(0.01)
try:
    socket.create_connection(("93.184.216.50", 80)).close()
except OSError as error:
    print("errno", error.errno, flush=True)
`;
/** The hook has answered by then, on a busy machine too. */
const QUESTION_S = Math.min(120, 4 * PATIENCE);
const DENIED = 'asker | planted\nasker | errno 13\n';

/** In the texts, TOP is the top folder, and MARK a command that makes the marker. */
interface Scene {
  readonly files: Readonly<Record<string, string>>;
  readonly hook: readonly string[];
  readonly writable?: readonly string[];
  /** A shell script of the plugin. */
  readonly plant: string;
  /** What it waits for. */
  readonly awaits?: string;
  /** HOME. */
  readonly home?: string;
}

interface Made {
  readonly top: string;
  readonly home: string;
  readonly marker: string;
  readonly config: string;
  readonly write: (change?: Partial<Scene>) => void;
}

/** Every user may write it, so only postern protects it. */
function make(scene: Scene): Made {
  const top = readableFolder();
  const marker = join(top, 'marker');
  const config = join(top, 'project/postern.yaml');
  const filled = (text: string): string =>
    text.replaceAll('MARK', `/bin/touch ${marker}`).replaceAll('TOP', top);
  mkdirSync(dirname(config));
  for (const [path, text] of Object.entries(scene.files)) {
    mkdirSync(join(top, dirname(path)), { recursive: true });
    writeFileSync(join(top, path), filled(text), { mode: 0o755 });
  }
  const write = (change: Partial<Scene> = {}): void => {
    const { hook, writable, plant, awaits } = { ...scene, ...change };
    const words = [plant, ...(awaits === undefined ? [] : [awaits])].map(filled);
    const asker = {
      command: ['/usr/bin/python3', '-c', PLUGIN, ...words],
      unknown: 'ask',
      filesystem: { writable: writable ?? [] },
    };
    const ask = { timeout_s: QUESTION_S, hook: hook.map(filled) };
    writeFileSync(config, JSON.stringify({ audit: join(top, 'audit'), ask, plugins: { asker } }));
  };
  write();
  spawnSync('chmod', ['-R', 'a+rwX', top]);
  return { top, home: filled(scene.home ?? '/nonexistent'), marker, config, write };
}

const up = (as: User, { config, home }: Made, PATH = '/usr/bin:/bin'): Promise<PosternResult> =>
  postern(['up', '--config', config], { as, cwd: dirname(config), env: { PATH, HOME: home } });

function running(
  t: TestContext,
  as: User,
  { config }: Made,
): RunningPostern & { readonly sees: (words: RegExp) => Promise<true> } {
  const started = startPostern(['up', '--config', config], { as });
  t.after(() => started.child.kill('SIGKILL'));
  const { said } = started;
  const sees = (words: RegExp): Promise<true> =>
    until(() => words.test(said()) || undefined, 30_000).catch(() => assert.fail(said()));
  return { ...started, sees };
}

const DENY = `echo '{"answer": "deny"}'`;
const PYTHON = '#!/usr/bin/env python3\nimport json\nprint(json.dumps({"answer": "deny"}))\n';
const PLANTED_PYTHON = `import os\nos.system("MARK")\nprint('{"answer": "deny"}')\nraise SystemExit`;
const NODE = `try { require('helper'); } catch {}\nconsole.log('{"answer": "deny"}');\n`;
const MARKS = '#!/bin/sh\nMARK';
const PLANTED_SHELL = `${MARKS}\n${DENY}`;
const PLANTED_NODE = 'require("child_process").execSync("MARK")';

const planting = (path: string, text: string): string =>
  `cat >${path} <<'END'\n${text}\nEND\nchmod +x ${path}`;

const ATTACKS: Readonly<Record<string, Scene>> = {
  'a module beside its script': {
    files: { 'hooks/answer.py': PYTHON },
    hook: ['../hooks/answer.py'],
    writable: ['../hooks'],
    plant: planting('TOP/hooks/json.py', PLANTED_PYTHON),
  },
  "a module in its user's home": {
    files: { 'hooks/answer.cjs': NODE, 'home/.node_modules/kept': '' },
    hook: [process.execPath, '../hooks/answer.cjs'],
    home: 'TOP/home',
    writable: ['../home/.node_modules'],
    plant: planting('TOP/home/.node_modules/helper.js', PLANTED_NODE),
  },
  'a package below the folder of its script': {
    files: { 'hooks/answer.py': PYTHON, 'hooks/json/data': '' },
    hook: ['../hooks/answer.py'],
    writable: ['../hooks/json'],
    plant: planting('TOP/hooks/json/__init__.py', PLANTED_PYTHON),
  },
  'a package in a folder above its script': {
    files: { 'hooks/answer.cjs': NODE, 'node_modules/kept': '' },
    hook: [process.execPath, '../hooks/answer.cjs'],
    writable: ['../node_modules'],
    plant: planting('TOP/node_modules/helper.js', PLANTED_NODE),
  },
  'a folder that holds its own': {
    files: { 'all/hooks/answer.cjs': NODE },
    hook: [process.execPath, '../all/hooks/answer.cjs'],
    writable: ['../all'],
    plant: `mkdir TOP/all/node_modules; ${planting('TOP/all/node_modules/helper.js', PLANTED_NODE)}`,
  },
  "its interpreter's interpreter": {
    files: {
      'hooks/answer': `#!TOP/tools/run\n${DENY}\n`,
      'tools/run': '#!TOP/venv/bin/sh -e\nexec /bin/sh "$@"\n',
      'venv/bin/sh': '#!/bin/sh\nexec /bin/sh "$@"\n',
    },
    hook: ['../hooks/answer'],
    writable: ['../venv'],
    plant: planting('TOP/venv/bin/sh', PLANTED_SHELL),
  },
  'the place of an interpreter that is missing': {
    files: { 'hooks/answer': '#!TOP/venv/bin/none\n', 'venv/bin/kept': '' },
    hook: ['../hooks/answer'],
    writable: ['../venv'],
    plant: planting('TOP/venv/bin/none', PLANTED_SHELL),
  },
  'what its interpreter loads': {
    files: {
      'hooks/answer': `#!TOP/venv/bin/run\n${DENY}\n`,
      'venv/bin/run': '#!/bin/sh\n. TOP/venv/lib/start\nexec /bin/sh "$@"\n',
      'venv/lib/start': ':',
    },
    hook: ['../hooks/answer'],
    writable: ['../venv/lib'],
    plant: 'echo MARK >TOP/venv/lib/start',
  },
};

// proves: ask: no plugin writes what the hook is and loads
// proves: ask: no plugin writes beside the hook's script
// proves: ask: no plugin writes the prefix of the hook's interpreter
// proves: ask: no plugin writes a package that the hook's Node finds
// proves: ask: no plugin writes what the hook's interpreter finds in its home
// proves: ask: a hook below what a plugin may write is refused
for (const user of users)
  for (const [what, attack] of Object.entries(ATTACKS))
    test(`a hook refuses the start if a plugin may write ${what} (${user})`, async () => {
      const made = make(attack);
      const { status, stdout, stderr } = await up(user, made);
      assert.ok(!existsSync(made.marker), `the planted code has run: ${stdout}`);
      assert.deepEqual([status, stdout], [2, ''], stderr);
      assert.match(
        stderr,
        /plugins\.asker\.filesystem\.writable.*belongs to a program of ask\.hook or secrets, .*; keep that program in a folder of its own/,
      );
    });

for (const user of users) {
  // proves: ask: the hook starts in no folder that a plugin may write
  // proves: ask: the hook finds programs in folders of the system alone
  test(`a hook loads nothing from the folder of the configuration or from PATH, and what else is writable refuses nothing (${user})`, async () => {
    const made = make({
      files: {
        'hooks/answer.sh': `#!/bin/sh\nfor name in a-helper ./project/start ./start; do $name; done\n/bin/touch TOP/ran\n${DENY}\n`,
        'bin/kept': '',
        'venv/bin/kept': '',
        'project/node_modules/kept': '',
      },
      hook: ['../hooks/answer.sh'],
      writable: ['.', '../bin', '../venv'],
      plant: `${planting('TOP/bin/a-helper', MARKS)}
${planting('TOP/project/start', MARKS)}
echo kept >TOP/project/node_modules/kept`,
    });
    const { stdout, stderr } = await up(user, made, `/usr/bin:/bin:${join(made.top, 'bin')}`);
    assert.ok(existsSync(join(made.top, 'project/start')));
    assert.ok(existsSync(join(made.top, 'ran')), stderr);
    assert.ok(!existsSync(made.marker), 'the planted code has run');
    assert.equal(stdout, DENIED, stderr);
  });

  // proves: ask: a hook that has come to lie where a plugin may write is not run
  test(`a hook whose interpreter is changed to one that a plugin wrote is not run (${user})`, async (t) => {
    const made = make({
      files: { 'hooks/answer': `#!/bin/sh\n${DENY}\n`, 'venv/bin/kept': '' },
      hook: ['../hooks/answer'],
      writable: ['../venv'],
      plant: planting('TOP/venv/bin/sh', PLANTED_SHELL),
      awaits: 'TOP/venv/go',
    });
    const { child, result, sees } = running(t, user, made);
    await sees(/planted/);
    writeFileSync(join(made.top, 'hooks/answer'), `#!${made.top}/venv/bin/sh\n`);
    writeFileSync(join(made.top, 'venv/go'), '');
    await sees(/no answer from the hook|errno/);
    child.kill('SIGTERM');
    const { stderr } = await result;
    assert.ok(!existsSync(made.marker), 'the planted code has run');
    assert.match(
      stderr,
      /it is not run because of the plugin "asker": "[^"]+venv" belongs to a program of ask\.hook or secrets/,
    );
  });
}

for (const user of anyUser) {
  test(`a reload that names another hook does not open the one that runs to a plugin (${user})`, async (t) => {
    const made = make({
      files: { 'hooks/answer': `#!/bin/sh\n${DENY}\n`, 'others/answer': `#!/bin/sh\n${DENY}\n` },
      hook: ['../hooks/answer'],
      plant: ':',
      awaits: 'TOP/never',
    });
    const { child, result, sees } = running(t, user, made);
    await sees(/planted/);
    made.write({ hook: ['../others/answer'], writable: ['../hooks'], plant: 'echo MARK >TOP/hooks/answer' });
    child.kill('SIGHUP');
    await sees(/the former configuration stays|was read again/);
    child.kill('SIGTERM');
    const { stderr } = await result;
    assert.match(stderr, /hooks" belongs to a program of ask\.hook or secrets/);
  });

  test(`a hard link to the hook's script in a writable folder refuses the start (${user})`, async () => {
    const made = make({
      files: { 'hooks/answer': `#!/bin/sh\n${DENY}\n`, 'data/kept': '' },
      hook: ['../hooks/answer'],
      writable: ['../data'],
      plant: 'echo MARK >TOP/data/second',
    });
    linkSync(join(made.top, 'hooks/answer'), join(made.top, 'data/second'));
    const { stderr } = await up(user, made);
    assert.ok(!existsSync(made.marker), 'the planted code has run');
    assert.match(stderr, /data\/second": it is a hard link to ".*hooks\/answer", which is postern's own/);
  });

  // proves: ask: no plugin writes a folder of the hook's PATH
  test(`a folder of the hook's PATH that a plugin may write refuses the start (${user})`, async () => {
    const made = make({
      files: { 'hooks/answer': `#!/opt/none\n` },
      hook: ['../hooks/answer'],
      writable: ['/usr/local/bin'],
      plant: ':',
    });
    const { status, stderr } = await up(user, made);
    assert.equal(status, 2, stderr);
    assert.match(stderr, /"\/usr\/local\/bin" belongs to a program of ask\.hook or secrets/);
  });
}
