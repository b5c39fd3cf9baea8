// As root a test mounts a disk, to fill it.
// needs: namespaces
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { AUDIT_EXAMPLES } from '../../../deploy/reference/audit-examples.js';
import { AuditSink, auditProblem } from '../../../sandbox/supervisor/record/audit-sink.js';
import { AUDIT_BACKLOG_BYTES, AUDIT_LOOK_MS } from '../../../shared/limits.js';
import { until } from '../../harness/until.js';

const needsRoot = process.geteuid?.() !== 0 && 'needs root';
const folder = mkdtempSync(join(tmpdir(), 'postern-test-'));
chmodSync(folder, 0o777);
after(() => rmSync(folder, { recursive: true }));
const dropped = {
  onDropped: (): void => assert.fail('an event was dropped'),
  onUp: (): void => {},
  onNotice: (text: string): void => assert.fail(text),
};

test('events go to a file that nobody executes, a line each', async () => {
  const path = join(folder, 'audit.log');
  const sink = new AuditSink(path, dropped);
  sink.write(AUDIT_EXAMPLES.decision);
  await sink.close(5_000);
  assert.equal(readFileSync(path, 'utf8').split('\n').length, 2);
  assert.equal(statSync(path).mode & 0o111, 0);
});

// proves: the audit file is no link
test('no event goes through a link that another user may have put there', () => {
  const victim = join(folder, 'victim');
  writeFileSync(victim, 'as it was');
  const link = join(folder, 'link');
  symlinkSync('victim', link);
  assert.throws(() => new AuditSink(link, dropped), { code: 'audit_destination' });
  assert.equal(readFileSync(victim, 'utf8'), 'as it was');
});

// proves: the audit file is no link
// proves: the audit file is no link in root's folder either
test('no event goes through a link in a folder that only its owner writes: a plugin of root may have put it there', () => {
  const own = join(folder, 'own');
  mkdirSync(own, { mode: 0o755 });
  writeFileSync(join(own, 'victim'), 'as it was');
  symlinkSync('victim', join(own, 'link'));
  assert.throws(() => new AuditSink(join(own, 'link'), dropped), { code: 'audit_destination' });
  assert.equal(readFileSync(join(own, 'victim'), 'utf8'), 'as it was');
});

test('auditProblem() says why a path cannot even be looked at', () => {
  assert.match(auditProblem(join(folder, 'x'.repeat(300)))?.message ?? '', /ENAMETOOLONG$/);
});

test('the file is opened anew in the folder of the start, also when a link leads elsewhere by then', async () => {
  for (const name of ['first', 'second']) mkdirSync(join(folder, name));
  symlinkSync('first', join(folder, 'logs'));
  const sink = new AuditSink(join(folder, 'logs/audit.log'), dropped);
  rmSync(join(folder, 'logs'));
  symlinkSync('second', join(folder, 'logs'));
  sink.reopen();
  await sink.close(5_000);
  assert.deepEqual(
    [readdirSync(join(folder, 'first')), readdirSync(join(folder, 'second'))],
    [['audit.log'], []],
  );
});

// proves: the audit file is opened through no link of a folder
test('a folder that became a link is not followed when the file is opened anew', async () => {
  for (const name of ['moved', 'target']) mkdirSync(join(folder, name));
  const said: string[] = [];
  const sink = new AuditSink(join(folder, 'moved/audit.log'), {
    ...dropped,
    onNotice: (text) => said.push(text),
  });
  renameSync(join(folder, 'moved'), join(folder, 'away'));
  symlinkSync('target', join(folder, 'moved'));
  sink.reopen();
  await sink.close(5_000);
  assert.match(said.join(), /the log goes on in the former file/);
  assert.deepEqual(readdirSync(join(folder, 'target')), []);
});

test('a link in /dev is followed, as /dev/stdout', async () => {
  const sink = new AuditSink('/dev/null', dropped);
  sink.write(AUDIT_EXAMPLES.decision);
  await sink.close(5_000);
});

/** What a sink says, and what it left out. */
class Told {
  readonly notices: string[] = [];
  readonly ups: boolean[] = [];
  lost = 0;
  readonly onDropped = (): void => {
    this.lost += 1;
  };
  readonly onUp = (up: boolean): void => {
    this.ups.push(up);
  };
  readonly onNotice = (text: string): void => {
    this.notices.push(text);
  };
}

function pipeAt(name: string): string {
  const path = join(folder, name);
  assert.equal(spawnSync('mkfifo', ['-m', '600', path]).status, 0);
  return path;
}

/** Reads lines until `enough` says so. */
async function readLines(
  fd: number,
  enough: (lines: readonly string[]) => boolean,
): Promise<readonly string[]> {
  const chunk = Buffer.alloc(1 << 20);
  let text = '';
  return until(() => {
    try {
      const length = readSync(fd, chunk);
      text += chunk.subarray(0, length).toString();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
    const lines = text.split('\n').slice(0, -1);
    return enough(lines) ? lines : undefined;
  });
}

const MANY = 20_000;
const event = (id: number): (typeof AUDIT_EXAMPLES)['decision'] => ({
  ...AUDIT_EXAMPLES.decision,
  decision_id: String(id),
});

test('events wait for a pipe that nobody reads; those past the bound are one line in their place', async () => {
  const path = pipeAt('unread');
  const told = new Told();
  const sink = new AuditSink(path, told);
  for (let id = 0; id < MANY; id += 1) sink.write(event(id));
  assert.ok(told.lost > 0 && told.lost < MANY);
  assert.deepEqual(told.ups, [true, false]);
  assert.equal(told.notices.length, 1);
  const kept = MANY - told.lost;
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const lines = await readLines(reader, (seen) => seen.some((line) => line.includes('"event":"gap"')));
  sink.write(event(MANY));
  const more = await readLines(reader, (seen) => seen.length === 1);
  closeSync(reader);
  const events = [...lines, ...more].map(
    (line) => JSON.parse(line) as { decision_id?: string; events?: number },
  );
  assert.deepEqual(
    events.slice(0, kept).map(({ decision_id }) => decision_id),
    Array.from({ length: kept }, (_, id) => String(id)),
  );
  assert.equal(events[kept]?.events, told.lost);
  assert.equal(events[kept + 1]?.decision_id, String(MANY));
  assert.deepEqual(told.ups, [true, false, true]);
  assert.match(told.notices.at(-1) ?? '', new RegExp(`${told.lost} events are missing`));
  await sink.close(5_000);
});

test('long events that have no room are one gap, although its line would have room', async () => {
  const told = new Told();
  const sink = new AuditSink(pipeAt('long'), told);
  const long = { ...AUDIT_EXAMPLES.decision, message: 'x'.repeat(10_000) };
  for (let id = 0; id < 1_000; id += 1) sink.write(long);
  assert.ok(told.lost > 100);
  assert.equal(told.notices.length, 1);
  await sink.close(0);
});

// proves: a full audit log keeps all events
test('block: nothing is left out, and a full log says so once, and once that it has room', async () => {
  const path = pipeAt('kept');
  const told = new Told();
  const rooms: boolean[] = [];
  const sink = new AuditSink(path, { ...told, onRoom: (room) => rooms.push(room) }, 'block');
  assert.equal(sink.hasRoom, true);
  for (let id = 0; id < MANY; id += 1) sink.write(event(id));
  assert.equal(sink.hasRoom, false);
  assert.notEqual(sink.startRoom, undefined, 'a plugin may start');
  const mayStart = sink.startRoom;
  assert.deepEqual([rooms, told.ups, told.lost], [[false], [true, false], 0]);
  assert.match(told.notices.join(), /^the audit log is full: .*; new connections of plugins wait$/);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const lines = await readLines(reader, (seen) => seen.length === MANY);
  closeSync(reader);
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { decision_id?: string }).decision_id),
    Array.from({ length: MANY }, (_, id) => String(id)),
  );
  await mayStart;
  assert.deepEqual([sink.hasRoom, sink.startRoom], [true, undefined]);
  assert.deepEqual(
    [rooms, told.ups],
    [
      [false, true],
      [true, false, true],
    ],
  );
  assert.match(told.notices.at(-1) ?? '', /has room again: new connections go on$/);
  await sink.close(5_000);
  assert.equal(told.notices.length, 2);
});

test('block: a broker that makes events without end does not take all memory, and the log says what is missing', async () => {
  const path = pipeAt('endless');
  const told = new Told();
  const most = 2 * AUDIT_BACKLOG_BYTES;
  const sink = new AuditSink(path, told, 'block', 'postern', most);
  const written = 4 * MANY;
  for (let id = 0; id < written; id += 1) sink.write(event(id));
  assert.ok(told.lost > 0 && told.lost < written, `${told.lost} of ${written} were left out`);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const kept = written - told.lost;
  const lines = await readLines(reader, (seen) => seen.length === kept + 1);
  closeSync(reader);
  assert.ok(lines.join('\n').length < most + AUDIT_BACKLOG_BYTES);
  const gap = JSON.parse(lines.at(-1) ?? '') as { event: string; events: number };
  assert.deepEqual([gap.event, gap.events], ['gap', told.lost]);
  await sink.close(5_000);
});

test('block: events wait for a reader that is gone, and a sink that ends says how many', async () => {
  const path = pipeAt('gone');
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  const told = new Told();
  // Opened by its number, as stdout is, so that the sink itself is no reader.
  const sink = new AuditSink(`/dev/fd/${writer}`, told, 'block');
  closeSync(writer);
  closeSync(reader);
  for (let id = 0; id < 3; id += 1) sink.write(event(id));
  await sink.close(0);
  assert.equal(told.lost, 0);
  assert.match(told.notices.at(-1) ?? '', /ends without its last events, 3 in number/);
});

test('a pipe may change its reader, and the sink loses nothing', async () => {
  const path = pipeAt('readers');
  const told = new Told();
  const sink = new AuditSink(path, told);
  for (let id = 0; id < 5; id += 1) {
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    sink.write(event(id));
    const [line = ''] = await readLines(reader, (lines) => lines.length === 1);
    assert.equal(JSON.parse(line).decision_id, String(id));
    closeSync(reader);
  }
  await sink.close(5_000);
  assert.deepEqual([told.lost, told.notices], [0, []]);
});

test('a full disk stops the log until there is room; no line is cut', { skip: needsRoot }, async () => {
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', disk]).status, 0);
  try {
    const told = new Told();
    writeFileSync(join(disk, 'filler'), Buffer.alloc(40_000));
    const sink = new AuditSink(join(disk, 'audit.log'), told);
    for (let id = 0; id < 100; id += 1) sink.write(event(id));
    await until(() => told.notices.some((text) => text.includes('ENOSPC')) || undefined);
    assert.equal(told.ups.at(-1), false);
    rmSync(join(disk, 'filler'));
    assert.equal(spawnSync('mount', ['-o', 'remount,size=1m', disk]).status, 0);
    await until(() => told.ups.at(-1) || undefined);
    await sink.close(5_000);
    const ids = readFileSync(join(disk, 'audit.log'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).decision_id);
    assert.deepEqual(
      ids,
      Array.from({ length: 100 }, (_, id) => String(id)),
    );
    assert.equal(told.lost, 0);
  } finally {
    spawnSync('umount', [disk]);
  }
});

test('a renamed file is left for a new one, as logrotate(8) wants', async () => {
  const path = join(folder, 'rotated.log');
  const sink = new AuditSink(path, dropped);
  sink.write(event(1));
  await until(() => (readFileSync(path, 'utf8').endsWith('\n') ? true : undefined));
  renameSync(path, `${path}.1`);
  sink.reopen();
  sink.write(event(2));
  await sink.close(5_000);
  const idsOf = (file: string): string[] =>
    readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).decision_id);
  assert.deepEqual([idsOf(`${path}.1`), idsOf(path)], [['1'], ['2']]);
});

const linesOf = (
  path: string,
): { event: string; decision_id?: string; events?: number; message?: string }[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

// proves: an event is not glued to a line without an end
test('a file whose last line has no end gets one before the first event, at the start and when it is opened anew', async () => {
  const path = join(folder, 'torn.log');
  writeFileSync(path, '{"event":"decis');
  const sink = new AuditSink(path, dropped);
  sink.write(event(1));
  await until(() => readFileSync(path, 'utf8').endsWith('}\n') || undefined);
  renameSync(path, `${path}.1`);
  writeFileSync(path, `${JSON.stringify(event(7))}\n{`);
  sink.reopen();
  sink.write(event(2));
  await sink.close(5_000);
  const idsOf = (text: string): unknown[] =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => (line.endsWith('}') ? JSON.parse(line).decision_id : line));
  assert.deepEqual(idsOf(readFileSync(`${path}.1`, 'utf8')), ['{"event":"decis', '1']);
  assert.deepEqual(idsOf(readFileSync(path, 'utf8')), ['7', '{', '2']);
});

test('an empty file, and one whose last line has its end, get no line of their own', async () => {
  const path = join(folder, 'whole.log');
  for (const before of ['', '{}\n']) {
    writeFileSync(path, before);
    const sink = new AuditSink(path, dropped);
    sink.write(event(1));
    await sink.close(5_000);
    const text = readFileSync(path, 'utf8');
    assert.ok(text.startsWith(`${before}{`), text);
    assert.equal(text.split('\n').length, before.split('\n').length + 1);
  }
});

// proves: the audit log does not go on in a file that is not at its path
test('a file that was deleted is made anew, and a line there says how many events are gone', async () => {
  const path = join(folder, 'deleted.log');
  const told = new Told();
  let lost = 0;
  const sink = new AuditSink(path, {
    ...told,
    onDropped: (events) => {
      lost += events;
    },
  });
  sink.write(event(1));
  await until(() => readFileSync(path, 'utf8').endsWith('\n') || undefined);
  rmSync(path);
  sink.write(event(2));
  await until(() => existsSync(path) || undefined);
  sink.write(event(3));
  await sink.close(5_000);
  const [gap, ...others] = linesOf(path);
  assert.deepEqual(
    [gap?.event, gap?.message],
    ['gap', 'The file of the log was deleted, with what was written before'],
  );
  assert.equal(gap?.events, lost);
  // The look before may have been before the first event.
  assert.ok(lost === 1 || lost === 2, `${lost}`);
  assert.deepEqual(
    others.map(({ decision_id: id }) => id),
    ['3'],
  );
  assert.equal(statSync(path).mode & 0o111, 0);
  assert.equal(told.ups.at(-1), true);
  assert.match(told.notices.join(), /events are missing in it. The file of the log was deleted/);
});

// proves: the audit log does not go on in a file that is not at its path
test('a file that was renamed is left for a new one without a signal, and nothing is missing', async () => {
  const path = join(folder, 'moved.log');
  const told = new Told();
  const sink = new AuditSink(path, told);
  sink.write(event(1));
  await until(() => readFileSync(path, 'utf8').endsWith('\n') || undefined);
  renameSync(path, `${path}.1`);
  sink.write(event(2));
  await until(() => existsSync(path) || undefined);
  sink.write(event(3));
  await sink.close(5_000);
  const [gap, ...others] = linesOf(path);
  assert.deepEqual([gap?.event, gap?.events, told.lost], ['gap', 0, 0]);
  assert.match(gap?.message ?? '', /was renamed, and has what was written before$/);
  assert.deepEqual(
    [...linesOf(`${path}.1`), ...others].map(({ decision_id: id }) => id),
    ['1', '2', '3'],
  );
});

// proves: a file of the audit log is replaced by a file alone
// proves: the audit file is no link
test('a pipe or a link that was put in the place of the file gets no event; the log says so once, and goes on when a file can be made', async () => {
  const path = join(folder, 'planted.log');
  const told = new Told();
  const sink = new AuditSink(path, told);
  rmSync(path);
  pipeAt('planted.log');
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  await until(() => told.ups.at(-1) === false || undefined);
  sink.write(event(1));
  // It looks a second time.
  await new Promise((resolve) => setTimeout(resolve, 1.5 * AUDIT_LOOK_MS));
  assert.equal(readSync(reader, Buffer.alloc(100)), 0, 'the pipe has an event');
  closeSync(reader);
  const victim = join(folder, 'planted-victim');
  writeFileSync(victim, 'as it was');
  rmSync(path);
  symlinkSync('planted-victim', path);
  await new Promise((resolve) => setTimeout(resolve, 1.5 * AUDIT_LOOK_MS));
  assert.equal(readFileSync(victim, 'utf8'), 'as it was');
  assert.deepEqual(told.ups, [true, false]);
  assert.equal(told.notices.length, 1);
  assert.match(
    told.notices.join(),
    /planted\.log" any more\. Cannot append to .*; the log goes on in the former file$/,
  );
  rmSync(path);
  await until(() => told.ups.at(-1) || undefined);
  sink.write(event(2));
  await sink.close(5_000);
  const [gap, ...others] = linesOf(path);
  assert.deepEqual([gap?.event, gap?.events], ['gap', 1]);
  assert.deepEqual(
    others.map(({ decision_id: id }) => id),
    ['2'],
  );
});
