import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { PATIENCE } from '../harness/patience.js';
import { asUser, distFor, readableFolder, type User } from '../harness/users.js';
import { mutantDist } from '../mutation/mutant-dist.js';
import type { DriverReport, DriverRequest } from './restart-driver.js';

const SERVER = readFileSync(new URL('./activated.py', import.meta.url), 'utf8');
const TIMEOUT_MS = 60_000 * PATIENCE;
const DRIVER = 'test/integration/restart-driver.js';

/** A program that answers this many clients on each listener. */
const serve = (count: number, act = 'serve'): readonly string[] => [
  ...['/usr/bin/python3', '-c', SERVER],
  ...[String(count), act],
];

function drive(user: User, request: DriverRequest, dist: string = distFor(user)): Promise<DriverReport> {
  const driver = join(dist, DRIVER);
  const [command = '', ...args] = [...asUser(user), process.execPath, driver, JSON.stringify(request)];
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', HOME: '/nonexistent' };
  const child = spawn(command, args, { cwd: '/', env, stdio: ['ignore', 'pipe', 'inherit'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  return new Promise((resolve, reject) => {
    child.once('close', (status) => {
      clearTimeout(timer);
      if (status === 0) resolve(JSON.parse(text) as DriverReport);
      else reject(new Error(`The driver ended with ${status}`));
    });
  });
}

function distWithDriver(without: readonly string[]): string {
  const dist = mutantDist(...without);
  cpSync(join(distFor('user'), DRIVER), join(dist, DRIVER));
  return dist;
}

/** One address of each kind. The path is in a folder that the user may write to. */
function addresses(): readonly string[] {
  const folder = readableFolder();
  chmodSync(folder, 0o777);
  return ['127.0.0.1:0', '[::1]:0', join(folder, 'web.sock')];
}

for (const user of anyUser) {
  test(`clients that come while a plugin is down wait in its queue, and the next start answers them all (${user})`, async () => {
    for (const address of addresses()) {
      const { rounds, notices, descriptors } = await drive(user, {
        listen: [{ name: 'web', address }],
        rounds: [
          { command: serve(1), callers: 1, when: 'after' },
          { command: serve(20), callers: 20, when: 'before' },
          { command: serve(20), callers: 20, when: 'before' },
        ],
      });
      for (const [index, count] of [1, 20, 20].entries())
        assert.deepEqual(rounds[index]?.replies, Array(count).fill('served inside by web\n'), address);
      assert.equal(notices.length, address.startsWith('/') ? 0 : 1, notices.join('; '));
      assert.deepEqual(new Set(descriptors).size, 1, `a start costs descriptors: ${descriptors}`);
      assert.ok(!existsSync(address), 'the socket file is gone with the supervisor');
    }
  });

  test(`a listener that a plugin has shut down for everyone is bound anew at the next start (${user})`, async () => {
    for (const address of addresses()) {
      const { rounds, notices } = await drive(user, {
        listen: [{ name: 'web', address }],
        rounds: [
          { command: serve(0, 'shutdown'), callers: 0, when: 'after' },
          { command: serve(5), callers: 5, when: 'after' },
          { command: serve(20), callers: 20, when: 'before' },
        ],
      });
      assert.deepEqual(
        rounds[1]?.replies,
        Array(5).fill('served inside by web\n'),
        rounds[0]?.output.join('; '),
      );
      assert.deepEqual(rounds[2]?.replies, Array(20).fill('served inside by web\n'));
      const anew = notices.filter((notice) => notice.includes('bound anew'));
      assert.equal(anew.length, 1, notices.join('; '));
      assert.match(
        anew[0] ?? '',
        /^driven: the listener "web" on \S+ had been shut down; it is bound anew, and the clients in its queue were cut off$/,
      );
    }
  });

  // proves: listener: what a plugin set is set back
  // proves: the next start undoes a listener's reset at close
  test(`a listener has none of a plugin's settings at the next start, and no client is lost for it (${user})`, async () => {
    const { rounds, notices } = await drive(user, {
      listen: [{ name: 'web', address: '127.0.0.1:0' }],
      rounds: [
        { command: serve(0, 'change'), callers: 0, when: 'after' },
        { command: serve(20), callers: 20, when: 'before' },
      ],
    });
    const [changed = '', again = ''] = rounds.map(({ output }) => output.join('\n'));
    assert.match(changed, /^options [1-9]\d* 1 1$/m);
    assert.match(again, /^listener web AF_INET 1 True$/m);
    assert.match(again, /^options 0 0 0$/m);
    assert.deepEqual(rounds[1]?.replies, Array(20).fill('served inside by web\n'));
    assert.equal(notices.length, 1);
  });

  // proves: listener: one that has a filter is bound anew
  test(`a plugin cannot lock a filter onto a listener; where it could, the listener is bound anew (${user})`, async () => {
    const request = {
      listen: [{ name: 'web', address: '127.0.0.1:0' }],
      rounds: [
        { command: serve(0, 'lock'), callers: 0, when: 'after' },
        { command: serve(1), callers: 1, when: 'after' },
      ],
    } as const;
    const refused = await drive(user, request);
    assert.match(refused.rounds[0]?.output.join('\n') ?? '', /PermissionError/);
    assert.equal(refused.notices.length, 1);
    const open = await drive(user, request, distWithDriver(['seccomp.setsockopt']));
    assert.match(open.notices[1] ?? '', /had a packet filter; it is bound anew/);
    assert.deepEqual(open.rounds[1]?.replies, ['served inside by web\n']);
  });
}
