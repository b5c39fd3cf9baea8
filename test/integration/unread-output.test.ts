// A terminal or pipe that nobody reads holds up neither the supervisor nor `up`: health, a new broker and the stop work as before.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import { freePort } from '../harness/free-port.js';
import { startPostern } from '../harness/postern.js';
import { brokerOf } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { asUser, distFor, readableFolder, type User } from '../harness/users.js';

/** Runs a command at a terminal whose other end is never read, and prints its pid. */
const AT_TERMINAL = `
import os, pty, sys, time
pid, master = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
print(pid, flush=True)
_, status = os.waitpid(pid, 0)
print("ended", os.waitstatus_to_exitcode(status), flush=True)`;

interface Running {
  readonly child: ChildProcess;
  readonly pid: () => Promise<number>;
  readonly ended: Promise<number | null>;
}

function start(user: User, cwd: string, at: 'pipe' | 'terminal'): Running {
  const up = [
    ...asUser(user),
    process.execPath,
    join(distFor(user), 'run/postern.js'),
    'up',
    '--control',
    'off',
  ];
  if (at === 'pipe') {
    const child = spawn(up[0] ?? '', up.slice(1), { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout?.pause();
    child.stderr?.pause();
    return {
      child,
      pid: async () => child.pid ?? 0,
      ended: once(child, 'exit').then(([status]) => status as number | null),
    };
  }
  const child = spawn('/usr/bin/python3', ['-c', AT_TERMINAL, ...up], {
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout?.on('data', (text) => {
    said += text;
  });
  return {
    child,
    pid: () => until(() => Number(/^(\d+)\n/.exec(said)?.[1]) || undefined),
    ended: once(child, 'exit').then(() => Number(/ended (-?\d+)/.exec(said)?.[1])),
  };
}

const TRAP = 'trap "sleep 3; echo late; exit 0" TERM; echo begun; while :; do sleep 0.1; done';

for (const user of userInTurn(2))
  test(`what a plugin writes late in its stop is printed while somebody reads (${user})`, async (t) => {
    const folder = readableFolder();
    const plugin = { command: ['sh', '-c', TRAP] };
    writeFileSync(join(folder, 'postern.yaml'), JSON.stringify({ plugins: { late: plugin } }));
    const running = startPostern(['up', '--control', 'off'], { as: user, cwd: folder });
    t.after(() => running.child.kill('SIGKILL'));
    await until(() => running.stdout().includes('begun') || undefined);
    running.child.kill('SIGTERM');
    await once(running.child, 'close');
    assert.match(running.stdout(), /^late \| late$/m);
  });

const health = async (port: number): Promise<number | undefined> => {
  try {
    return (await fetch(`http://127.0.0.1:${port}/healthz`)).status;
  } catch {
    return undefined;
  }
};

for (const [turn, at] of (['pipe', 'terminal'] as const).entries())
  for (const user of userInTurn(turn))
    test(`a ${at} that nobody reads stops nothing (${user})`, async (t) => {
      const folder = readableFolder();
      const port = await freePort();
      writeFileSync(
        join(folder, 'postern.yaml'),
        `metrics: 127.0.0.1:${port}
plugins:
  loud: {command: [sh, -c, "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done"], limits: {log_lines_per_second: 100000}}
  quiet: {command: [sleep, "1000"]}
`,
      );
      const running = start(user, folder, at);
      t.after(() => running.child.kill('SIGKILL'));
      const pid = await running.pid();
      t.after(() => {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // It has ended.
        }
      });
      await until(async () => ((await health(port)) === 200 ? true : undefined), 20_000);
      // Long enough for the pipe, the queue and the plugin's own pipe to be full.
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      await until(async () => ((await health(port)) === 200 ? true : undefined), 20_000);
      const broker = await until(() => brokerOf(pid));
      process.kill(broker, 'SIGKILL');
      await until(() => {
        const next = brokerOf(pid);
        return next !== undefined && next !== broker ? true : undefined;
      }, 20_000);
      await until(async () => ((await health(port)) === 200 ? true : undefined), 20_000);
      process.kill(pid, 'SIGTERM');
      assert.equal(await running.ended, 0);
    });
