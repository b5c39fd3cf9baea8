// A plugin of one postern may write where another postern of the same user finds the program of its hook, or a library: that one does not start, and
// runs nothing of it.
// needs: namespaces
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { PATIENCE } from '../harness/patience.js';
import { postern, type RunningPostern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { chownTo, readableFolder, type User, users } from '../harness/users.js';

const ASKS = `import os, socket, sys, time
print("asks soon", flush=True)
while not os.path.exists(sys.argv[1]): time.sleep(0.01)
try:
    socket.create_connection(("93.184.216.50", 80)).close()
except OSError as error:
    print("errno", error.errno, flush=True)
`;

interface Scene {
  /** Where the hook's script lies. */
  readonly hooks: string;
  /** The marker that the planted code makes. */
  readonly marker: string;
  readonly config: string;
  /** The plugin that asks waits for it. */
  readonly go: string;
}

function scene(user: User): Scene {
  const top = readableFolder();
  const [hooks, project] = [join(top, 'hooks'), join(top, 'project')];
  for (const folder of [hooks, project]) {
    mkdirSync(folder);
    chownTo(user, folder);
  }
  const [config, go, marker] = [join(project, 'postern.yaml'), join(project, 'go'), join(top, 'marker')];
  writeFileSync(join(hooks, 'answer'), `#!/bin/sh\necho '{"answer": "deny"}'\n`, { mode: 0o755 });
  chownTo(user, join(hooks, 'answer'));
  const asker = {
    command: ['/usr/bin/python3', '-c', ASKS, go],
    unknown: 'ask',
    filesystem: { visible: [project] },
  };
  const ask = { timeout_s: Math.min(120, 4 * PATIENCE), hook: [join(hooks, 'answer')] };
  writeFileSync(config, JSON.stringify({ ask, plugins: { asker } }));
  return { hooks, config, go, marker };
}

/** A plugin that replaces the hook's script, and goes on. */
async function writes(t: TestContext, as: User, folder: string, text: string): Promise<RunningPostern> {
  const plants = `printf '%s' "$1" >${folder}/answer; echo planted; sleep 600`;
  const started = startPostern(['run', '--writable', folder, '--', 'sh', '-c', plants, 'sh', text], { as });
  t.after(() => started.child.kill('SIGKILL'));
  await sees(started, /planted/);
  return started;
}

const sees = ({ said }: RunningPostern, words: RegExp): Promise<true> =>
  until(() => words.test(said()) || undefined, 30_000).catch(() => assert.fail(said()));

const planted = ({ marker }: Scene): string => `#!/bin/sh\n/bin/touch ${marker}\necho '{"answer": "deny"}'\n`;

// proves: no plugin of another supervisor writes what postern runs or loads
for (const user of users) {
  test(`a hook that a plugin of another postern may write refuses the start, until that plugin has ended (${user})`, async (t) => {
    const made = scene(user);
    const other = await writes(t, user, made.hooks, planted(made));
    const up = (): ReturnType<typeof postern> =>
      postern(['up', '--config', made.config], { as: user, env: { PATH: '/usr/bin:/bin' } });
    writeFileSync(made.go, '');
    const { status, stdout, stderr } = await up();
    assert.deepEqual([status, stdout], [2, ''], stderr);
    assert.match(
      stderr,
      /hooks" belongs to a program of ask\.hook or secrets, .*, and a plugin of another postern may write there: its sandbox is that of process \d+; stop that plugin first/,
    );
    assert.ok(!existsSync(made.marker), 'the planted code has run');
    other.child.kill('SIGTERM');
    await other.result;
    writeFileSync(join(made.hooks, 'answer'), `#!/bin/sh\necho '{"answer": "deny"}'\n`);
    const after = await up();
    assert.match(after.stdout, /errno 13/, after.stderr);
  });

  test(`a hook is not run once a plugin of another postern may write it (${user})`, async (t) => {
    const made = scene(user);
    const first = startPostern(['up', '--config', made.config], { as: user, env: { PATH: '/usr/bin:/bin' } });
    t.after(() => first.child.kill('SIGKILL'));
    await sees(first, /asks soon/);
    await writes(t, user, made.hooks, planted(made));
    writeFileSync(made.go, '');
    await sees(first, /it is not run: "[^"]+hooks" .* and a plugin of another postern may write there/);
    assert.ok(!existsSync(made.marker), 'the planted code has run');
  });

  test(`a folder of LD_LIBRARY_PATH that a plugin of another postern may write refuses the start, and one that its sandbox covers does not (${user})`, async (t) => {
    const top = readableFolder();
    const libraries = join(top, 'libraries');
    mkdirSync(libraries);
    chownTo(user, libraries);
    const env = { PATH: '/usr/bin:/bin', LD_LIBRARY_PATH: libraries };
    const truth = (): ReturnType<typeof postern> =>
      postern(['run', '--', 'sh', '-c', 'echo in'], { as: user, env });
    const [open, covering] = [{}, { env }].map((options) => {
      const started = startPostern(['run', '--writable', top, '--', 'sh', '-c', 'echo in; sleep 600'], {
        as: user,
        ...options,
      });
      t.after(() => started.child.kill('SIGKILL'));
      return started;
    });
    assert.ok(open !== undefined && covering !== undefined);
    await sees(open, /in\n/);
    await sees(covering, /in\n/);
    const refused = await truth();
    assert.deepEqual([refused.status, refused.stdout], [125, ''], refused.stderr);
    assert.match(
      refused.stderr,
      /libraries" is postern's own, and a plugin of another postern may write there/,
    );
    open.child.kill('SIGTERM');
    await open.result;
    const started = await truth();
    assert.deepEqual([started.status, started.stdout], [0, 'in\n'], started.stderr);
  });
}

if (users.includes('root')) {
  // proves: a sandbox of root without CAP_SYS_ADMIN counts
  test('a hook that a plugin of root without CAP_SYS_ADMIN may write refuses the start', async (t) => {
    const made = scene('root');
    chmodSync(made.hooks, 0o777);
    const through = ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin', '--'];
    const started = startPostern(['run', '--writable', made.hooks, '--', 'sh', '-c', 'echo in; sleep 600'], {
      as: 'root',
      through,
    });
    t.after(() => started.child.kill('SIGKILL'));
    await sees(started, /^in$/m);
    const { status, stdout } = await postern(['check', made.config], { as: 'root' });
    assert.equal(status, 1, stdout);
    assert.match(stdout, /hooks" belongs to a program .*, and a plugin of another postern may write there/);
  });
}
