// The notify socket of a plugin (`ready: {notify: true}`) is no way out: its other end only reads, in the sandbox. What is sent goes there, whatever the
// address. No process of postern takes a descriptor from it, and no memory grows.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { anyUser, twin } from '../harness/asked.js';
import { postern, type RunningPostern, startPostern } from '../harness/postern.js';
import { brokerOf, descriptorsOf, ofThreads } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { chownTo, readableFolder, type User, users } from '../harness/users.js';
import { mutantDist } from '../mutation/mutant-dist.js';

const program = readFileSync(new URL('notify-socket.py', import.meta.url), 'utf8');
const NOBODY = 65_534;
/** Of init, which made the pair: as root it has no id in the sandbox. */
const INIT_ID = process.geteuid?.() === 0 ? NOBODY : process.geteuid?.();
/** The kernel executes the plugin's socket(2). Landlock would keep its datagrams within the sandbox on a newer kernel. */
const EXECUTED = 'notify: the kernel makes no datagram socket for a plugin';

interface Scene extends RunningPostern {
  readonly results: (plugin: string) => Readonly<Record<string, string>>;
  readonly control: string;
}

function start(t: TestContext, user: User, plugins: object, dist?: string): Scene {
  const folder = readableFolder();
  chownTo(user, folder);
  const path = join(folder, 'postern.yaml');
  writeFileSync(path, JSON.stringify({ audit: '/dev/null', plugins }));
  const control = join(folder, 'c.sock');
  const words = ['up', '--config', path, '--control', control];
  const running = startPostern(words, { as: user, ...(dist !== undefined && { dist }) });
  t.after(() => running.child.kill('SIGKILL'));
  const results = (plugin: string): Readonly<Record<string, string>> =>
    Object.fromEntries(
      [...running.said().matchAll(new RegExp(`^${plugin} \\| result (\\S+) (.*)$`, 'gm'))].map(
        ([, name, value]) => [name, value],
      ),
    );
  return { ...running, results, control };
}

const plugin = (what: string, ...words: readonly string[]) => ({
  command: ['/usr/bin/python3', '-c', program, what, ...words],
});
const NOTIFY = { ready: { notify: true } };

/** A program of the host. @returns its further lines */
async function beside(t: TestContext, name: string, ...words: readonly string[]): Promise<string[]> {
  const script = fileURLToPath(new URL(name, import.meta.url));
  const child: ChildProcess = spawn('/usr/bin/python3', [script, ...words], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  if (child.stdout === null) throw new Error('no output');
  const lines = createInterface(child.stdout);
  await once(lines, 'line');
  const heard: string[] = [];
  lines.on('line', (line) => heard.push(line));
  return heard;
}

function sharedFolder(): string {
  const folder = readableFolder();
  if (process.geteuid?.() === 0) chownSync(folder, NOBODY, NOBODY);
  return folder;
}

const memoryOf = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(ofThreads(pid, 'status')[0] ?? '')?.[1] ?? 0);

for (const user of anyUser) {
  // proves: notify: the kernel makes no datagram socket for a plugin
  // proves: notify: connect(2) of the socket works to its own path alone
  test(`what is sent by the notify socket reaches no socket of the host, refused, and nothing is heard (${user})`, async (t) => {
    const folder = sharedFolder();
    const heard = await beside(t, 'datagrams-judge.py', join(folder, 'log'), join(folder, 'packets'));
    const filesystem = { writable: [folder] };
    const scene = start(t, user, { one: { ...plugin('reach', join(folder, 'log')), ...NOTIFY, filesystem } });
    await scene.result;
    assert.deepEqual(scene.results('one'), {
      sendto: 'ok',
      sendmsg: 'ok',
      sendmmsg: 'ok',
      connect: 'EACCES',
      send: 'ok',
    });
    assert.deepEqual(heard, []);
  });
}

for (const user of users) {
  test(`what the notify socket tells about its other end is nothing of the host (${user})`, async (t) => {
    const scene = start(t, user, { one: { ...plugin('look'), ...NOTIFY } });
    await scene.result;
    assert.deepEqual(scene.results('one'), {
      type: '5',
      names: "'' ''",
      credentials: `(1, ${INIT_ID}, ${INIT_ID})`,
      receives: 'EAGAIN',
      listens: 'EINVAL',
      connects: 'ok',
    });
  });
}

for (const user of anyUser) {
  // proves: notify: few messages a second are read
  test(`a plugin that sends without end waits, and postern takes no descriptor and no memory (${user})`, async (t) => {
    const scene = start(t, user, { one: { ...plugin('flood', '6'), ...NOTIFY } });
    const pid = scene.child.pid ?? 0;
    const broker = await until(() => brokerOf(pid), 30_000);
    const look = (): readonly number[] => [pid, broker].flatMap((one) => [descriptorsOf(one), memoryOf(one)]);
    const status = await until(async () => {
      const { stdout } = await postern(['status', '--json', '--control', scene.control], { as: user });
      return /"status":"x+"/.test(stdout) ? stdout : undefined;
    }, 60_000);
    assert.match(status, /"status":"x{256}"/);
    const before = look();
    const sent = Number(await until(() => scene.results('one')['sent'], 60_000));
    const after = look();
    // What a few buffers hold, and what is read meanwhile.
    assert.ok(sent > 100 && sent < 600, `${sent} messages were taken`);
    for (const [index, count] of before.entries()) {
      const more = (after[index] ?? 0) - count;
      assert.ok(more <= (index % 2 === 0 ? 3 : 20_000), `${before} became ${after}`);
    }
  });
}

for (const user of users) {
  test(`a notify socket in another sandbox is still that of its own (${user})`, async (t) => {
    const path = join(readableFolder(), 'relay.sock');
    await beside(t, 'notify-relay.py', path);
    const allow = [`unix:${path}`];
    const scene = start(t, user, {
      giver: { ...plugin('give', path), ...NOTIFY, allow },
      taker: { ...plugin('take', path), allow, after: ['giver'] },
    });
    await until(() => scene.results('taker')['sends'], 60_000);
    const { type, credentials, receives, sends } = scene.results('taker');
    assert.deepEqual({ type, receives, sends }, { type: '5', receives: 'EAGAIN', sends: '27' });
    assert.equal(credentials, `(0, ${INIT_ID}, ${INIT_ID})`);
    const statuses = await until(async () => {
      const { stdout } = await postern(['status', '--json', '--control', scene.control], { as: user });
      const { plugins } = JSON.parse(stdout) as { plugins: { name: string; status: string | null }[] };
      const found = Object.fromEntries(plugins.map(({ name, status }) => [name, status]));
      return found['giver'] == null ? undefined : found;
    }, 60_000);
    assert.deepEqual(statuses, { giver: 'from another sandbox', taker: null });
    scene.child.kill('SIGTERM');
    await scene.result;
  });
}

twin('a datagram socket that the kernel makes is heard', async (t) => {
  const dist = mutantDist(EXECUTED);
  for (const user of users) {
    const folder = sharedFolder();
    const heard = await beside(t, 'datagrams-judge.py', join(folder, 'log'), join(folder, 'packets'));
    const filesystem = { writable: [folder] };
    const scene = start(
      t,
      user,
      { one: { ...plugin('reach', join(folder, 'log')), ...NOTIFY, filesystem } },
      dist,
    );
    await scene.result;
    await until(() => (heard.length >= 3 ? heard : undefined), 10_000);
    assert.deepEqual(heard, ['heard sendto', 'heard sendmsg', 'heard sendmmsg']);
  }
});
