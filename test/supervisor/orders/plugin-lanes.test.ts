// proves: G13
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ModeSandbox, PluginLanes } from '../../../sandbox/supervisor/orders/plugin-lanes.js';
import { WAITING_ORDERS } from '../../../shared/limits.js';
import { openFolder } from '../../../shared/sys/open-folder.js';
import { compile } from '../../harness/compile.js';
import { until } from '../../harness/until.js';
import { readableFolder } from '../../harness/users.js';

const skip = process.geteuid?.() === 0 ? false : 'userfaultfd(2) holds a lock for root alone';
const MODE = 0o2755;
const EAGAIN = -11;
/** Where a call waits for the lock of a folder, proc_pid_stat(5). */
const UNINTERRUPTIBLE = 'D';

interface Scene {
  readonly modes: PluginLanes;
  readonly sandbox: (session: number) => ModeSandbox;
  readonly set: (sandbox: ModeSandbox, path: string) => Promise<number>;
  readonly modeOf: (name: string) => number;
  readonly top: string;
}

/** The threads alone keep no process alive. */
async function inScene(work: (scene: Scene) => Promise<void>): Promise<void> {
  const alive = setInterval(() => {}, 1000);
  const top = readableFolder();
  for (const name of ['held', 'free', 'other']) mkdirSync(join(top, name));
  using root = openFolder(top);
  const modes = new PluginLanes();
  const set: Scene['set'] = (sandbox, path) =>
    new Promise((resolve) => {
      const change = { path: Buffer.from(path), self: undefined, keepsLink: false, inode: undefined };
      modes.setMode(sandbox, { ...change, mode: MODE }, resolve);
    });
  const modeOf = (name: string): number => statSync(join(top, name)).mode & 0o7777;
  try {
    await work({
      modes,
      set,
      modeOf,
      top,
      sandbox: (session) => ({ number: session, root, pluginId: undefined }),
    });
  } finally {
    clearInterval(alive);
  }
}

const threads = (): readonly string[] => readdirSync('/proc/self/task');

function waitsForLock(thread: string): boolean {
  try {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'latin1');
    return stat.charAt(stat.lastIndexOf(')') + 2) === UNINTERRUPTIBLE;
  } catch {
    return false; // It has ended.
  }
}

// proves: folder modes: a plugin that holds the thread up has it for itself
test('a plugin that holds the lock of its folder delays no other plugin', { skip }, async () => {
  const program = compile(new URL('held-folder.c', import.meta.url));
  await inScene(async ({ modes, set, modeOf, top, sandbox }) => {
    const before = threads().length;
    const holder = spawn(program, [join(top, 'held')], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(holder.stdout, 'data');
      let ended = 0;
      const orders = ['/held', '/held', '/free'].map((path) =>
        set(sandbox(1), path).then((result) => {
          ended += 1;
          return result;
        }),
      );
      await until(() => threads().find(waitsForLock));
      const results: number[] = [];
      for (const path of ['/other', '/free'])
        void set(sandbox(2), path).then((result) => results.push(result));
      await until(() => (results.length === 2 ? true : undefined));
      assert.deepEqual(results, [0, 0]);
      assert.equal(ended, 0);
      assert.deepEqual([modeOf('other'), modeOf('held')], [MODE, 0o755]);
      holder.kill('SIGKILL');
      assert.deepEqual(await Promise.all(orders), [0, 0, 0]);
      assert.equal(modeOf('held'), MODE);
      modes.end(1);
      // The other plugins' thread stays.
      await until(() => (threads().length <= before + 1 ? true : undefined));
    } finally {
      holder.kill('SIGKILL');
    }
  });
});

// proves: folder modes: the orders of a sandbox are bounded
test('past a bound, a sandbox gets its answer at once, and its orders leave no descriptor', async () => {
  await inScene(async ({ modes, set, sandbox }) => {
    await set(sandbox(1), '/free');
    const before = readdirSync('/proc/self/fd').length;
    const orders = Array.from({ length: WAITING_ORDERS }, () => set(sandbox(1), '/free'));
    assert.equal(await set(sandbox(1), '/free'), EAGAIN);
    assert.deepEqual(await Promise.all(orders), new Array(WAITING_ORDERS).fill(0));
    await until(() => readdirSync('/proc/self/fd').length === before || undefined);
    modes.end(1);
  });
});

test('an order of a sandbox that has ended fails', async () => {
  await inScene(async ({ modes, set, modeOf, sandbox }) => {
    using root = openFolder('/');
    const ended = { ...sandbox(1), root };
    root.close();
    assert.equal(await set(ended, '/free'), EAGAIN);
    modes.end(1);
    assert.equal(modeOf('free'), 0o755);
  });
});
