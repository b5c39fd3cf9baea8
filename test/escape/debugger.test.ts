// No process of postern opens Node's debugger, because anyone on the host could control it there. SIGUSR1 does not open it at any time,
// and neither does a variable. Each test has its own network, so that every listener there is postern's.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser, userInTurn } from '../harness/asked.js';
import { listeningIn, ownNetwork } from '../harness/own-network.js';
import { type RunningPostern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { readableFolder } from '../harness/users.js';

const SIGUSR1_BIT = 1n << 9n;
/** A signal in Node's first milliseconds makes Node try to open its debugger, which fails with this line. */
const REFUSED = /^Starting inspector on fe80::1:9229 failed: .*$/gm;
/** The plugin, to which run passes the signal, ignores it too. */
const IGNORING = `trap '' USR1; echo ready; exec "$@"`;
const PATH = '/usr/bin:/bin:/usr/sbin:/sbin';
const NODE_PROGRAMS = /\/run\/(?:broker|init|launcher)\.cjs\0/;

/** Whether SIGUSR1 is blocked, ignored or handled, as Node does from its first instructions on. */
function isReady(pid: number): boolean {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return ['SigBlk', 'SigIgn', 'SigCgt'].some((mask) => {
    const value = new RegExp(`^${mask}:\\t([0-9a-f]+)$`, 'm').exec(status)?.[1];
    return (BigInt(`0x${value}`) & SIGUSR1_BIT) !== 0n;
  });
}

/** The pids of broker, launcher and init of a supervisor at the moment. */
function nodesBelow(pid: number): number[] {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return all.map(Number).filter((other) => {
    try {
      const parent = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${other}/status`, 'utf8'))?.[1];
      return Number(parent) === pid && NODE_PROGRAMS.test(readFileSync(`/proc/${other}/cmdline`, 'utf8'));
    } catch {
      return false;
    }
  });
}

/** Sends SIGUSR1 until the process has ended. @returns the listeners seen meanwhile, and the number of signals */
async function annoy(
  { child }: RunningPostern,
  targets: (pid: number) => number[],
): Promise<{ readonly heard: ReadonlySet<string>; readonly sent: number }> {
  const heard = new Set<string>();
  let sent = 0;
  const { pid = 0 } = child;
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  while (child.exitCode === null && child.signalCode === null) {
    for (const target of targets(pid)) {
      try {
        if (!isReady(target)) continue;
        process.kill(target, 'SIGUSR1');
        sent += 1;
      } catch {
        // It has ended.
      }
    }
    try {
      for (const address of listeningIn(pid)) heard.add(address);
    } catch {
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return { heard, sent };
}

for (const user of anyUser) {
  // proves: debugger: an early SIGUSR1 finds an address that nobody can bind, in the supervisor
  test(`SIGUSR1 from the first instruction on opens no debugger in the supervisor, and ends nothing (${user})`, async () => {
    const running = startPostern(['run', '--', 'sh', '-c', 'sleep 0.2; echo done'], {
      as: user,
      asCommand: true,
      inside: ownNetwork,
      shell: IGNORING,
    });
    const { heard, sent } = await annoy(running, (pid) => [pid]);
    const { status, stdout, stderr } = await running.result;
    assert.deepEqual([...heard], []);
    assert.ok(sent > 0);
    const words = stderr.replace(REFUSED, '').trim();
    assert.deepEqual({ status, stdout, words }, { status: 0, stdout: 'ready\ndone\n', words: '' });
  });
}

for (const user of userInTurn(1)) {
  // proves: debugger: an early SIGUSR1 finds an address that nobody can bind, in the broker
  test(`SIGUSR1 to broker, launcher and init while they start opens no debugger (${user})`, async () => {
    const running = startPostern(['run', '--', 'sh', '-c', 'sleep 0.2; echo done'], {
      as: user,
      asCommand: true,
      inside: ownNetwork,
      shell: IGNORING,
    });
    const { heard, sent } = await annoy(running, nodesBelow);
    const { status, stdout } = await running.result;
    assert.deepEqual([...heard], []);
    assert.ok(sent > 0);
    assert.deepEqual({ status, stdout }, { status: 0, stdout: 'ready\ndone\n' });
  });
}

for (const [turn, options] of ['--inspect', '--inspect-brk=127.0.0.1:9230', '--inspect-wait'].entries()) {
  for (const user of userInTurn(turn)) {
    // proves: debugger: NODE_OPTIONS is kept from Node
    test(`NODE_OPTIONS=${options} opens no debugger, and blocks nothing (${user})`, async () => {
      const { child, result } = startPostern(['run', '--', 'sh', '-c', 'echo up; read -r line'], {
        as: user,
        asCommand: true,
        inside: ownNetwork,
        keepInput: true,
        env: { PATH, NODE_OPTIONS: options, NODE_INSPECT_RESUME_ON_START: '1' },
      });
      let heard: string[] | undefined;
      child.stdout?.once('data', () => {
        heard = listeningIn(child.pid ?? 0);
        child.stdin?.end('go\n');
      });
      const { status, stderr } = await result;
      assert.deepEqual({ heard, status, stderr }, { heard: [], status: 0, stderr: '' });
    });
  }
}

for (const user of anyUser) {
  test(`NODE_REPL_EXTERNAL_MODULE is not loaded into postern (${user})`, async () => {
    const module = join(readableFolder(), 'module.js');
    writeFileSync(module, 'console.log("loaded");');
    const env = { PATH, NODE_REPL_EXTERNAL_MODULE: module };
    const { result } = startPostern(['--version'], { as: user, asCommand: true, env });
    assert.match((await result).stdout, /^\d+\.\d+\.\d+\n$/);
  });

  // proves: debugger: one that is open is closed
  test(`a module that is started by hand closes the debugger that its Node was told to open (${user})`, async () => {
    const { child, result } = startPostern(['run', '--', 'sh', '-c', 'echo up; read -r line'], {
      as: user,
      inside: ownNetwork,
      keepInput: true,
      env: { PATH, NODE_OPTIONS: '--inspect' },
    });
    let heard: string[] | undefined;
    child.stdout?.once('data', () => {
      heard = listeningIn(child.pid ?? 0);
      child.stdin?.end('go\n');
    });
    const { status, stderr } = await result;
    assert.match(stderr, /^Debugger listening on /, 'it was open');
    assert.deepEqual({ heard, status }, { heard: [], status: 0 });
  });

  // proves: debugger: SIGUSR1 is taken from it
  test(`SIGUSR1 and SIGUSR2 do nothing to up, started by hand too (${user})`, async (t) => {
    const config = join(readableFolder(), 'postern.yaml');
    const tick = 'while :; do echo tick; sleep 0.05; done';
    writeFileSync(config, `plugins: {one: {command: [sh, -c, ${JSON.stringify(tick)}]}}\n`);
    for (const asCommand of [true, false]) {
      const { child, result, stdout } = startPostern(['up', '--config', config], {
        as: user,
        asCommand,
        inside: ownNetwork,
      });
      t.after(() => child.kill('SIGKILL'));
      const more = (): Promise<true> => {
        const before = stdout().length;
        return until(() => stdout().length > before + 20 || undefined);
      };
      await more();
      for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) {
        child.kill(signal);
        await more();
        assert.deepEqual(listeningIn(child.pid ?? 0), []);
      }
      child.kill('SIGTERM');
      const { status, stderr } = await result;
      assert.equal(status, 0);
      assert.doesNotMatch(stderr, /inspector|Debugger/);
    }
  });
}
