// A broker that was taken over finds each process that starts a sandbox. Its uid owns the sandbox's user namespace. While the sandbox starts, the root of these
// processes is the host's, and what must be hidden is not covered yet. A program in the broker's place, with the broker's ids and namespaces, looks into them.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { postern, startPostern } from '../harness/postern.js';
import { brokerOf } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { asUser, chownTo, readableFile, readableFolder, type User, users } from '../harness/users.js';

const PROGRAM = readFileSync(new URL('starting-sandbox.py', import.meta.url), 'utf8');
const STARTS = 3;
const PLUGINS = 4;

/** Words that put a program in a broker's place. */
function inPlaceOf(broker: number, user: User): readonly string[] {
  if (user === 'user')
    return [
      ...[...asUser(user), 'nsenter', `--target=${broker}`, '--user', '--mount', '--preserve-credentials'],
      ...['--', 'setpriv', '--bounding-set=-all', '--inh-caps=-all', '--'],
    ];
  const uid = /^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${broker}/status`, 'latin1'))?.[1];
  return ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--'];
}

for (const user of users) {
  // proves: launch: a program that starts a sandbox cannot be looked into
  // proves: launch: a user's unshare(1) cannot be looked into
  test(`a broker reaches no file by a sandbox that starts (${user})`, async (t) => {
    const folder = readableFolder();
    const control = join(folder, 'c.sock');
    const secret = readableFile('secret', 'hush');
    chownTo(user, folder);
    const names = Array.from({ length: PLUGINS }, (_, at) => `p${at}`);
    const plugins = names.map((name) => {
      const data = join(folder, name);
      mkdirSync(join(data, 'closed'), { recursive: true });
      writeFileSync(join(data, 'closed/key'), 'hush');
      for (const path of [data, join(data, 'closed'), join(data, 'closed/key')]) chownTo(user, path);
      return {
        command: ['sleep', '1000'],
        cwd: data,
        filesystem: { writable: [data], hidden: [join(data, 'closed')] },
      };
    });
    writeFileSync(
      join(folder, 'postern.yaml'),
      JSON.stringify({
        audit: '/dev/null',
        plugins: Object.fromEntries(names.map((name, at) => [name, plugins[at]])),
      }),
    );
    const { child, result } = startPostern(['up', '--control', control], { as: user, cwd: folder });
    t.after(() => child.kill('SIGKILL'));
    const ask = (...words: readonly string[]): ReturnType<typeof postern> =>
      postern([...words, '--control', control], { as: user });
    await Promise.race([
      until(async () => (await ask('status')).stdout.match(/running/g)?.length === PLUGINS || undefined),
      result.then(({ stderr }) => assert.fail(stderr)),
    ]);
    const broker = brokerOf(child.pid ?? 0) ?? 0;
    const [command = '', ...words] = [
      ...inPlaceOf(broker, user),
      ...['/usr/bin/python3', '-I', '-c', PROGRAM, secret, 'closed/key'],
      ...names.map((name) => join(folder, name)),
    ];
    const hostile = spawn(command, words, { cwd: '/', stdio: ['pipe', 'pipe', 'inherit'] });
    t.after(() => hostile.kill('SIGKILL'));
    let said = '';
    hostile.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await until(() => said.startsWith('looks') || undefined);
    for (let start = 0; start < STARTS; start += 1)
      await Promise.all(names.map(async (name) => assert.equal((await ask('restart', name)).status, 0)));
    hostile.stdin.end();
    await once(hostile, 'close');
    const { met, kept, ...got } = JSON.parse(said.split('\n')[1] ?? '') as Record<string, number>;
    assert.deepEqual(got, { 'by root': 0, 'by descriptor': 0, later: 0 });
    // Those of a program that runs: what covers a file stays there.
    assert.ok((kept ?? 0) >= PLUGINS, `it kept ${kept} folders`);
    assert.ok((met ?? 0) >= STARTS * PLUGINS * 2, `it met ${met} processes`);
  });
}
