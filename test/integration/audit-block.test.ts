// The audit log that nobody takes, with when_full: block and drop: what waits, what goes on, and what is in the log in the end.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { constants, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import type { AuditLine } from '../harness/audit-line.js';
import { brokerOf, signalTo } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { readableFolder } from '../harness/users.js';
import { CONNECTS, FEW, HOG_THREADS, type Scene, saysSo, startScene } from './audit-scene.js';

const isRoot = process.geteuid?.() === 0;

/** The neighbour's data flows on. @returns how often the busy plugin's connects arrived while it did */
async function moveOn({ moved, upstream }: Scene): Promise<number> {
  const [goal, before] = [moved() + 25, upstream.connections()];
  await until(() => moved() >= goal || undefined, 20_000);
  return upstream.connections() - before;
}

/** The events of a log that grows: each line is parsed once. */
class Log {
  readonly lines: AuditLine[] = [];
  #rest = '';

  /** @returns whether it ends with a whole line */
  add(text: string): boolean {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    this.lines.push(...lines.map((line) => JSON.parse(line) as AuditLine));
    return this.#rest === '';
  }
}

const connectsOf = (events: readonly AuditLine[]): number =>
  events.filter(({ plugin, outcome }) => plugin === 'busy' && outcome === 'connected').length;

const refusalsOf = (events: readonly AuditLine[], plugin = 'crowd'): number =>
  events.filter(({ plugin: one }) => one === plugin).length;

/** Reads a pipe until its whole lines are enough. */
async function readPipe(
  path: string,
  enough: (lines: readonly AuditLine[]) => boolean,
): Promise<readonly AuditLine[]> {
  const reader = new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK) });
  const log = new Log();
  let isWhole = true;
  reader.setEncoding('utf8').on('data', (text: string) => {
    isWhole = log.add(text);
  });
  await until(() => (isWhole && enough(log.lines)) || undefined, 60_000);
  reader.destroy();
  return log.lines;
}

function pipe(): string {
  const path = join(readableFolder(), 'audit.pipe');
  assert.equal(spawnSync('mkfifo', ['-m', '666', path]).status, 0);
  return path;
}

for (const user of userInTurn(0)) {
  // proves: a full queue refuses no trapped call
  // proves: full log: refusals that gather in the log go on to gather
  // proves: a call that waits has its own time limit
  test(`block: connections wait for a log that nobody reads, and none is without its line (${user})`, async (t) => {
    const path = pipe();
    const scene = await startScene(t, user, path, 'block', { more: true });
    await saysSo(scene, 'the audit log is full');
    await moveOn(scene);
    const since = new Date().toISOString();
    const before = scene.said().length;
    const refused = scene.refused();
    assert.equal(await moveOn(scene), 0, 'connections went on');
    assert.equal(scene.refused(), refused, 'a connect was refused, which is an event');
    // Refusals of UDP gather for a second: six time limits take longer.
    const late = (): readonly string[] =>
      scene
        .said()
        .slice(before)
        .match(/timed \| ended with \w+/g) ?? [];
    await until(
      () => (late().length > 6 && scene.said().slice(before).includes('restless: ended')) || undefined,
      30_000,
    );
    const meanwhile = scene.said().slice(before);
    assert.match(meanwhile, /restless: ended/, 'restarts go on');
    assert.deepEqual(new Set(late()), new Set(['timed | ended with ETIMEDOUT']));
    assert.ok(scene.upstream.connections() < CONNECTS, 'the log was not full in time');
    assert.equal(await scene.health(), 200);
    assert.equal(await scene.metric('postern_audit_up'), 0);
    // A new broker must know as well.
    const broker = brokerOf(scene.postern.child.pid ?? 0);
    signalTo(broker, 'SIGKILL');
    await saysSo(scene, 'a new one serves');
    assert.equal(await moveOn(scene), 0, 'connections went on with a new broker');
    assert.equal(await scene.health(), 200);
    const readAt = new Date().toISOString();
    const lines = await readPipe(
      path,
      (read) => connectsOf(read) >= scene.upstream.connections() && scene.said().includes('all worked'),
    );
    assert.match(scene.said(), /the audit log has room again: new connections go on/);
    assert.equal(connectsOf(lines), scene.upstream.connections());
    assert.ok(refusalsOf(lines) > 0 && lines.some(({ event }) => event === 'datagram'));
    // A connection of before may end meanwhile.
    const made = lines.filter(
      ({ event, ts }) => event !== 'closed' && String(ts) > since && String(ts) < readAt,
    );
    assert.deepEqual(made, [], 'events were made while the log was full');
    assert.equal(await scene.upstream.allConnections(), CONNECTS);
    assert.ok(!lines.some(({ event }) => event === 'gap'));
    assert.equal(await scene.metric('postern_audit_events_dropped_total'), 0);
    assert.equal(await scene.metric('postern_audit_up'), 1);
    assert.equal(await scene.metric('postern_slow_touches_total{plugin="busy",action="killed"}'), 0);
    scene.postern.child.kill('SIGTERM');
    await scene.postern.result;
  });
}

for (const user of userInTurn(1)) {
  test(`block: SIGTERM ends postern while connections wait, and it says how many events are lost (${user})`, async (t) => {
    const path = pipe();
    const keeper = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    const scene = await startScene(t, user, path, 'block');
    await saysSo(scene, 'the audit log is full');
    await moveOn(scene);
    scene.postern.child.kill('SIGTERM');
    const { signal, stderr } = await scene.postern.result;
    assert.equal(signal, null);
    assert.doesNotMatch(stderr, /ended with signal 9/, 'no stop_grace_ms ran out');
    const lost = Number(/ends without its last events, (\d+) in number/.exec(stderr)?.[1]);
    const reader = new Socket({ fd: keeper });
    let text = '';
    reader.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    // The neighbour has one connection. Each that was made has an event for its end, too.
    const made = 2 * (scene.upstream.connections() + 1) + scene.refused();
    const whole = (): number => text.split('\n').length - 1;
    await until(() => whole() + lost >= made - 3 || undefined).finally(() => reader.destroy());
    // At the end, a call of each thread of the crowd may get no answer, or be answered and not be made.
    assert.ok(Math.abs(whole() + lost - made) <= 3, `${whole()} lines and ${lost} lost, of ${made}`);
  });
}

for (const user of userInTurn(2)) {
  test(`drop: connections go on, and the log has a gap (${user})`, async (t) => {
    const path = pipe();
    const scene = await startScene(t, user, path, 'drop');
    await saysSo(scene, 'all worked');
    const lines = await readPipe(path, (read) => read.some(({ event }) => event === 'gap'));
    const gap = lines.find(({ event }) => event === 'gap');
    const inLog = connectsOf(lines) + refusalsOf(lines) + Number(gap?.['events']);
    assert.ok(connectsOf(lines) < CONNECTS && inLog >= CONNECTS, `${inLog}`);
    scene.postern.child.kill('SIGTERM');
    await scene.postern.result;
  });
}

// proves: a call past the share of descriptors waits
test('block: a call past the share of descriptors waits too, and has its line', async (t) => {
  const path = pipe();
  const scene = await startScene(t, 'user', path, 'block', { through: FEW });
  await saysSo(scene, 'the audit log is full');
  scene.go();
  await saysSo(scene, 'hog | all ask');
  await moveOn(scene);
  assert.equal(scene.refused('hog'), 0);
  const lines = await readPipe(
    path,
    (read) => refusalsOf(read, 'hog') >= HOG_THREADS && scene.refused('hog') >= HOG_THREADS,
  );
  assert.equal(refusalsOf(lines, 'hog'), HOG_THREADS);
  assert.match(scene.said(), /hog \| got EAGAIN/, 'its share was large enough');
  scene.postern.child.kill('SIGTERM');
  await scene.postern.result;
});

test('block: connections wait for a full disk, and none is without its line', {
  skip: !isRoot && 'needs root',
}, async (t) => {
  const disk = join(readableFolder(), 'disk');
  mkdirSync(disk);
  assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'none', disk]).status, 0);
  t.after(() => {
    spawnSync('umount', ['--lazy', disk]);
    rmSync(disk, { recursive: true, force: true });
  });
  const path = join(disk, 'audit.log');
  const scene = await startScene(t, 'root', path, 'block');
  await saysSo(scene, 'ENOSPC');
  await saysSo(scene, 'the audit log is full');
  await moveOn(scene);
  assert.equal(await moveOn(scene), 0, 'connections went on');
  assert.equal(await scene.health(), 200);
  assert.equal(spawnSync('mount', ['-o', 'remount,size=64m', disk]).status, 0);
  await saysSo(scene, 'all worked');
  const lines = await until(() => {
    const [log, text] = [new Log(), readFileSync(path, 'utf8')];
    if (text.split('"outcome":"connected"').length <= CONNECTS) return undefined;
    return log.add(text) && connectsOf(log.lines) >= CONNECTS ? log.lines : undefined;
  });
  assert.equal(connectsOf(lines), scene.upstream.connections());
  assert.ok(!lines.some(({ event }) => event === 'gap'));
  scene.postern.child.kill('SIGTERM');
  await scene.postern.result;
});
