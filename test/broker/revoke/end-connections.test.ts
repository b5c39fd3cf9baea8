import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { after, type TestContext, test } from 'node:test';
import type {
  ConnectionDescription,
  NotedConnection,
  OpenRegister,
} from '../../../broker/ledger/register.js';
import type { KeptSocket, Plugin, Services } from '../../../broker/request/plugin.js';
import { endConnections } from '../../../broker/revoke/end-connections.js';
import { LISTED_AT_ONCE } from '../../../shared/limits.js';
import { duplicate } from '../../../shared/sys/fcntl.js';
import type { SocketLook } from '../../../shared/sys/socket-diag.js';
import { socketCookie, type TcpAccount } from '../../../shared/sys/socket-state.js';
import { makeTimer } from '../../../shared/sys/timerfd.js';
import { listen } from '../../harness/listener.js';
import { until } from '../../harness/until.js';
import { makePlugin, makeServices } from '../make-plugin.js';

const made: Disposable[] = [];
/** A broker is kept alive by what it serves. */
const alive = setInterval(() => {}, 1_000);
after(() => {
  clearInterval(alive);
  for (const one of made) one[Symbol.dispose]();
});

const USED: TcpAccount = {
  ...{ established: true, isForgotten: false, sentBytes: 1, writtenBytes: 1 },
  ...{ receivedBytes: 0, rttMs: 0, retransmits: 0 },
};
const UNUSED: TcpAccount = { ...USED, sentBytes: 0, writtenBytes: 0 };
/** Each has so many, in a table that its threads share. */
const DESCRIPTORS = 900;
const THREADS = 60;
const DECOY = `
import os, threading, time
for _ in range(${DESCRIPTORS}): os.dup(0)
for _ in range(${THREADS}): threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
print("ready", flush=True)
time.sleep(1000)
`;

function noted(cookie: bigint, description?: ConnectionDescription): NotedConnection {
  return {
    cookie,
    since: 1_000,
    description,
    isUnderWay: false,
    peer: { bytes: new Uint8Array(4), port: 443 },
  };
}

/** A connection that no process holds, and that is not closed. */
const HIDDEN = noted(1n);

interface Scene {
  readonly plugin: Plugin;
  readonly services: Services;
  readonly register: OpenRegister;
  readonly ended: readonly bigint[];
  /** How many connections the kernel was asked about, each time. */
  readonly looks: number[];
  /** How many of them were noted, each time. */
  readonly noted: readonly number[];
  /** Whose stalls the steps of the search would be. */
  readonly charged: readonly unknown[];
}

interface Plan {
  readonly runsSince?: number | undefined;
  readonly account?: TcpAccount;
  readonly pidNamespace?: string | undefined;
  /** Another plugin's. */
  readonly neighbour?: string;
  readonly kept?: readonly KeptSocket[];
  /** Without it, HIDDEN. */
  readonly open?: readonly NotedConnection[];
  readonly onWork?: () => void;
}

function scene({
  runsSince,
  account = USED,
  pidNamespace,
  neighbour,
  kept = [],
  open = [HIDDEN],
  onWork,
}: Plan): Scene {
  const ended: bigint[] = [];
  const charged: unknown[] = [];
  const looks: number[] = [];
  const watch = <T>(guarded: unknown, work: () => T): T => {
    charged.push(guarded);
    onWork?.();
    return work();
  };
  const services = makeServices({ guard: { watch } });
  makePlugin('neighbour', services).pidNamespace = neighbour;
  const plugin = makePlugin('maker', services);
  const alarm = makeTimer();
  plugin.stall.begin(alarm);
  plugin.runsSince = runsSince;
  plugin.pidNamespace = pidNamespace;
  for (const one of kept) plugin.kept.add(one);
  const look = { kind: 'there', inode: 1, uid: 0, account } as const;
  const noted: number[] = [];
  const register: OpenRegister = {
    cookies: open.map(({ cookie }) => cookie),
    noted: (cookies) => {
      noted.push(cookies?.length ?? open.length);
      return open.filter(({ cookie }) => cookies?.includes(cookie) ?? true);
    },
    endWithPlugin: () => {},
    look: (connections): SocketLook[] => {
      looks.push(connections.length);
      return connections.map(({ cookie }) => (ended.includes(cookie) ? { kind: 'gone' } : look));
    },
    ended: ({ cookie }) => ended.push(cookie),
  };
  made.push(services, alarm);
  return { plugin, services, register, ended, looks, noted, charged };
}

function endHidden({ services, plugin, register }: Scene, clock: () => number = () => 0): Promise<boolean> {
  return endConnections(services, plugin, register, () => true, 'age', clock);
}

/** @returns whether the connection has ended, and whether its plugin has */
async function end(plan: Plan): Promise<readonly [connection: boolean, plugin: boolean]> {
  const one = scene(plan);
  return [await endHidden(one), one.plugin.stall.hasEnded];
}

// proves: a run of a plugin is not ended for what a former one has given away
test('what no process holds ends the run of its plugin that got it, and no later one', async () => {
  assert.deepEqual(
    await Promise.all([end({ runsSince: 0 }), end({ runsSince: 500 }), end({ runsSince: 2_000 })]),
    [
      [false, true],
      [false, true],
      [false, false],
    ],
  );
});

// proves: a plugin is not ended for a connection that it has not used
test('a connection that has carried nothing may still wait for its program, which is not ended', async () => {
  assert.deepEqual(await end({ account: UNUSED }), [false, false]);
  assert.deepEqual(await end({ account: { ...UNUSED, receivedBytes: 1 } }), [false, true]);
});

/** A process in a pid namespace of its own. @returns that namespace */
async function startDecoy(t: TestContext): Promise<string> {
  const words = [
    '--user',
    '--map-root-user',
    '--pid',
    '--fork',
    '--kill-child',
    '/usr/bin/python3',
    '-c',
    DECOY,
  ];
  const child: ChildProcess = spawn('unshare', words, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  child.stdout?.on('data', (text: Buffer) => {
    said += text.toString();
  });
  await until(() => said.includes('ready') || undefined, 20_000);
  const [pid] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'latin1').split(' ');
  return readlinkSync(`/proc/${pid}/ns/pid`);
}

/** In how many parts a whole end searches for what nobody holds. */
async function partsOf(plan: Plan): Promise<number> {
  const one = scene(plan);
  await endHidden(one);
  return one.charged.length;
}

// proves: a table that many threads share is searched once
// proves: an end pauses after some files, also within a process
test('an end searches each table of descriptors once, and in short turns', async (t) => {
  const pidNamespace = await startDecoy(t);
  const parts = (await partsOf({ pidNamespace })) - (await partsOf({}));
  // The other processes of the host come and go meanwhile.
  assert.ok(parts > 6 * (DESCRIPTORS / 32) * 0.5 && parts < 6 * (DESCRIPTORS / 32) * 10, `${parts} parts`);
});

// proves: a sandbox answers for a file that takes a search long
test('a plugin answers for a turn in which its files are read, and the plugin whose connection must end for all else', async (t) => {
  const one = scene({ neighbour: await startDecoy(t) });
  await endHidden(one);
  // By identity: what a stall keeps is private, so any two are deeply equal.
  const own = one.charged.filter((stall) => stall === one.plugin.stall).length;
  const others = one.charged.length - own;
  assert.ok(own > 6, `${own} turns of the plugin's own`);
  assert.ok(others > (6 * DESCRIPTORS) / 32 / 2, `${others} turns of the neighbour's`);
});

// proves: one end works in each turn of the event loop
test('however many ends there are, the event loop turns after each part', async () => {
  let turn = 0;
  const turns: number[] = [];
  let timer = setImmediate(function count() {
    turn += 1;
    timer = setImmediate(count);
  });
  const scenes = Array.from({ length: 10 }, () => scene({ onWork: () => turns.push(turn) }));
  await Promise.all(scenes.map((one) => endHidden(one)));
  clearImmediate(timer);
  const together = turns.filter((at, index) => at === turns[index - 1]).length;
  assert.ok(together < turns.length / 4, `${together} of ${turns.length} parts in the turn of another one`);
});

// proves: an end looks at some connections in a turn of the event loop
// proves: an end decides on some connections in a turn of the event loop
test('between its looks at many connections an end leaves the broker to others', async () => {
  const open = Array.from({ length: 3 * LISTED_AT_ONCE + 1 }, (_, at) => noted(BigInt(at)));
  const one = scene({ open });
  await endHidden(one);
  assert.ok(one.looks.length >= 4 * 6, `${one.looks.length} looks`);
  assert.equal(Math.max(...one.looks), LISTED_AT_ONCE);
  assert.deepEqual(one.noted, [LISTED_AT_ONCE, LISTED_AT_ONCE, LISTED_AT_ONCE, 1]);
});

// proves: an end has a time
test('an end whose time is over ends the plugin, though not all was searched, and the connection is unused', async (t) => {
  // One look at it takes more parts than that, however few processes the host has.
  const one = scene({ account: UNUSED, pidNamespace: await startDecoy(t) });
  let now = 0;
  void endHidden(one, () => {
    now += 500;
    return now;
  });
  await until(() => one.plugin.stall.hasEnded || undefined);
  assert.ok(one.charged.length < 20, `${one.charged.length} parts`);
});

// proves: an end that does not come about takes a part of the broker's time
test('what was not found waits the longer for the next search the longer the last one took, and no other connection does', async () => {
  const open = [HIDDEN];
  // What another plugin hides of a former run is the one case in which a used one stays open.
  const one = scene({ runsSince: 2_000, open });
  assert.equal(await endHidden(one, searchOf(one, 900)), false);
  const { pauseMs } = one.plugin.vainSearches;
  assert.ok(pauseMs > 8_000 && pauseMs <= 9_000, `${pauseMs} ms`);
  one.looks.length = 0;
  assert.equal(await endHidden(one), false);
  assert.deepEqual([one.looks, one.plugin.stall.hasEnded], [[], false]);
  const young = noted(2n);
  const { services, plugin } = one;
  const both = {
    ...one.register,
    cookies: [1n, 2n],
    noted: (cookies: readonly bigint[] = []) =>
      [HIDDEN, young].filter(({ cookie }) => cookies.includes(cookie)),
  };
  assert.equal(
    await endConnections(
      services,
      plugin,
      both,
      () => true,
      'age',
      () => 0,
    ),
    false,
  );
  assert.deepEqual(new Set(one.looks), new Set([1]), 'the young one alone');
});

// proves: a plugin whose searches are in vain has a time
test('a plugin that hides ever new connections from long searches is ended, though it has used none of them', async () => {
  const account = UNUSED;
  const one = scene({ account });
  await endHidden(one, searchOf(one, 600));
  assert.equal(one.plugin.stall.hasEnded, false);
  const cookies = [2n];
  const register = { ...one.register, cookies, noted: () => [noted(2n)] };
  await endConnections(one.services, one.plugin, register, () => true, 'age', searchOf(one, 600));
  assert.equal(one.plugin.stall.hasEnded, true);
});

const USED_BY_NOW = { kind: 'there', inode: 1, uid: 0, account: USED } as const;

// proves: what was hidden unused ends as soon as it is used
test('what was not found, and had carried nothing, is searched for once it has, whatever pause there is', async () => {
  const one = scene({ account: UNUSED });
  assert.equal(await endHidden(one, searchOf(one, 900)), false);
  one.looks.length = 0;
  assert.equal(await endHidden(one), false);
  assert.deepEqual([one.looks, one.plugin.stall.hasEnded], [[1], false], 'a look, and no search');
  const used = { ...one, register: { ...one.register, look: () => [USED_BY_NOW] } };
  assert.equal(await endHidden(used), false);
  assert.equal(one.plugin.stall.hasEnded, true);
});

// proves: a search that does not wait counts
test('a plugin that uses what it had hidden one after the other is ended for the searches', async (t) => {
  const host = await listen((socket) => socket.on('error', () => {}));
  t.after(() => host.close());
  const program = connect(host.port, '127.0.0.1');
  program.on('error', () => {});
  await until(() => host.connections() > 0 || undefined);
  const { fd } = (program as unknown as { readonly _handle: { readonly fd: number } })._handle;
  using socket = duplicate(fd);
  program.destroy();
  const one = scene({ account: UNUSED, open: [noted(socketCookie(socket.number))] });
  assert.equal(await endHidden(one, searchOf(one, 600)), false);
  one.plugin.kept.add({ socket, isPlaced: true, cancel: () => {}, leaveIfGivenUp: () => false });
  const look = (): SocketLook[] => [one.ended.length === 0 ? USED_BY_NOW : { kind: 'gone' }];
  const used = { ...one, register: { ...one.register, look } };
  assert.equal(await endHidden(used, searchOf(one, 600)), true);
  assert.deepEqual([one.ended.length, one.plugin.stall.hasEnded], [1, true]);
});

/** A clock by which a search takes so long. */
function searchOf({ charged }: Scene, milliseconds: number): () => number {
  const before = charged.length;
  let now = 0;
  return () => {
    now += charged.length === before + 1 ? milliseconds : 0;
    return now;
  };
}

// proves: an end begins with what the broker itself still has
test('what only the broker has ends at once, and not with its plugin', async (t) => {
  const closed: Socket[] = [];
  const host = await listen((socket) => socket.on('error', () => {}).on('close', () => closed.push(socket)));
  t.after(() => host.close());
  const program = connect(host.port, '127.0.0.1');
  await until(() => host.connections() > 0 || undefined);
  const { fd } = (program as unknown as { readonly _handle: { readonly fd: number } })._handle;
  using socket = duplicate(fd);
  program.destroy();
  const cookie = socketCookie(socket.number);
  let canceled = 0;
  const cancel = (): void => {
    canceled += 1;
  };
  const one = scene({
    kept: [{ socket, isPlaced: true, cancel, leaveIfGivenUp: () => false }],
    open: [noted(cookie)],
  });
  const { services, plugin, register } = one;
  assert.equal(
    await endConnections(
      services,
      plugin,
      register,
      () => true,
      'quota',
      () => 0,
    ),
    true,
  );
  assert.deepEqual([one.ended, canceled, plugin.stall.hasEnded], [[cookie], 1, false]);
  await until(() => closed.length === 1 || undefined);
});
