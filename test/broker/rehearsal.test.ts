import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { REHEARSED_CONNECTS } from '../../shared/limits.js';
import { anyUser } from '../harness/asked.js';
import { listen } from '../harness/listener.js';
import { listeningIn, ownNetwork, ownNetworkWith } from '../harness/own-network.js';
import { startPostern } from '../harness/postern.js';
import { brokerOf, childrenOf, commandOf, descriptorsOf, ofThreads } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { readableFolder } from '../harness/users.js';
import { underPrograms } from './own-programs.js';
import { startBroker, type TestBroker } from './start-broker.js';
import { openSocket, readUntilEnd } from './use-socket.js';

const isRoot = process.geteuid?.() === 0;
const IDS = { uid: 64_321, gid: 64_322 };

/** Connections that were accepted in the network namespace of a process, proc_pid_net(5). */
function accepted(pid: number): number {
  const [names = '', values = ''] = readFileSync(`/proc/${pid}/net/snmp`, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('Tcp:'));
  return Number(values.split(' ')[names.split(' ').indexOf('PassiveOpens')]);
}

const threadsOf = (pid: number): number => readdirSync(`/proc/${pid}/task`).length;

const OF_OTHERS = 100;
/** Connects to every port that listens, without waiting. */
const FLOOD = `
import socket, time
kept = []
while True:
    for line in open("/proc/net/tcp").readlines()[1:]:
        words = line.split()
        while words[3] == "0A" and len(kept) < 300:
            kept.append(socket.socket())
            kept[-1].setblocking(False)
            kept[-1].connect_ex(("127.0.0.1", int(words[1].split(":")[1], 16)))
    time.sleep(0.001)
`;

/** A busy machine may cut a rehearsal short: a step, or all of it, took too long. Then it is tried again. */
const TRIES = 3;

/** Waits for the rehearsal, and for its thread, which has a filter of its own, to end. @returns whether all connects took place */
async function rehearsed(pid: number): Promise<boolean> {
  await until(() => {
    const filters = ofThreads(pid, 'status').map((status) => /^Seccomp_filters:\s+(\d+)/m.exec(status)?.[1]);
    return (accepted(pid) > 0 && new Set(filters).size === 1) || undefined;
  }, 30_000);
  return accepted(pid) >= REHEARSED_CONNECTS;
}

async function rehearsedBroker(start: Parameters<typeof startBroker>[0]): Promise<TestBroker> {
  for (let left = TRIES - 1; ; left -= 1) {
    const broker = await startBroker({ ...start, rehearses: true }, { under: ownNetwork });
    if ((await rehearsed(broker.pid)) || left === 0) return broker;
    await broker.stop();
  }
}

/** The plugin, below supervisor and init. */
function findPlugin(pid: number): number | undefined {
  const found = childrenOf(pid).map((child) =>
    /^sleep /.test(commandOf(child)) ? child : findPlugin(child),
  );
  return found.find((plugin) => plugin !== undefined);
}

for (const [who, becomeIds] of [
  ["its starter's ids", undefined],
  ['ids of its own', IDS],
] as const)
  test(`a broker with ${who} rehearses, and nothing of it is left`, {
    skip: becomeIds !== undefined && !isRoot ? 'needs root' : false,
  }, async () => {
    const plain = await startBroker({ becomeIds }, { under: ownNetwork });
    const broker = await rehearsedBroker({ becomeIds });
    try {
      assert.equal(accepted(broker.pid), REHEARSED_CONNECTS);
      assert.equal(accepted(plain.pid), 0);
      await until(() => descriptorsOf(broker.pid) === descriptorsOf(plain.pid) || undefined);
      assert.deepEqual(
        broker.lines.map(({ type }) => type),
        ['ready'],
      );
      assert.doesNotMatch(await broker.metrics(), /rehearsal/);
    } finally {
      assert.equal(await broker.stop(), 0);
      await plain.stop();
    }
  });

/** The thread waits for an answer of the main thread, which waits for the thread when Node exits. */
for (const [how, end] of [
  ['is retired', (broker: TestBroker) => broker.send({ type: 'retire' })],
  ['loses its link', (broker: TestBroker) => void broker.stop()],
] as const)
  test(`a broker that ${how} while it rehearses ends`, async () => {
    for (let connects = 1; connects < REHEARSED_CONNECTS; connects += 100) {
      const broker = await startBroker({ rehearses: true }, { under: ownNetwork });
      await until(() => accepted(broker.pid) >= connects || undefined);
      end(broker);
      assert.equal(await broker.exited(), 0);
      await broker.stop();
    }
  });

test('connects of others to the port of a rehearsal are reset, and do not prolong it', async () => {
  const broker = await startBroker(
    { rehearses: true },
    { under: ownNetworkWith(`python3 -c '${FLOOD}' & server=$!`) },
  );
  try {
    await until(() => accepted(broker.pid) > OF_OTHERS || undefined);
    await until(() => listeningIn(broker.pid).length === 0 || undefined, 5_000);
  } finally {
    await broker.stop();
  }
});

async function serves(broker: TestBroker): Promise<boolean> {
  const server = await listen((socket) => socket.end('hello'));
  try {
    await broker.plugin('p', { allow: [`127.0.0.1:${server.port}`] });
    const { descriptor } = await (await broker.channel('p')).connect('127.0.0.1', server.port);
    return (await readUntilEnd(openSocket(descriptor))) === 'hello';
  } finally {
    await server.close();
  }
}

test('a broker that cannot start the thread of its rehearsal serves without', {
  skip: isRoot ? false : 'needs root',
}, async () => {
  const under = underPrograms((folder) => rmSync(join(folder, 'rehearsal-thread.cjs')));
  const broker = await startBroker({ rehearses: true }, { under });
  try {
    assert.ok(await serves(broker));
  } finally {
    assert.equal(await broker.stop(), 0);
  }
});

test('a broker with too few descriptors for a rehearsal goes without, and keeps none of them', async () => {
  const plain = await startBroker();
  const usual = descriptorsOf(plain.pid);
  const threads = threadsOf(plain.pid);
  await plain.stop();
  const limited = (limit: number): readonly string[] => [
    // Otherwise root raises the limit.
    ...[...ownNetwork, ...(isRoot ? ['setpriv', '--bounding-set=-sys_resource'] : [])],
    ...['prlimit', `--nofile=${limit}:${limit}`],
  ];
  let without = 0;
  for (let limit = usual + 1, connects = 0; connects === 0; limit += 2) {
    const broker = await startBroker({ rehearses: true }, { under: limited(limit) });
    try {
      if (broker.lines.some(({ type }) => type === 'failed')) continue;
      await until(() => threadsOf(broker.pid) === threads || undefined);
      await until(() => descriptorsOf(broker.pid) === usual || undefined);
      // A rehearsal also ends in between, where the broker reads a file with its last descriptor.
      connects = accepted(broker.pid);
      if (connects === 0) without += 1;
      assert.equal(await broker.stop(), 0);
    } finally {
      await broker.stop();
    }
  }
  assert.ok(without > 0);
});

test('a broker that rehearses serves plugins meanwhile', async () => {
  const server = await listen((socket) => socket.end('hello'));
  const broker = await startBroker({ rehearses: true });
  try {
    await broker.plugin('p', { allow: [`127.0.0.1:${server.port}`] });
    const channel = await broker.channel('p');
    for (let connects = 0; connects < 20; connects += 1) {
      const { descriptor } = await channel.connect('127.0.0.1', server.port);
      assert.equal(await readUntilEnd(openSocket(descriptor)), 'hello');
    }
  } finally {
    assert.equal(await broker.stop(), 0);
    await server.close();
  }
});

for (const user of anyUser)
  test(`the broker of up rehearses, and that of run does not (${user})`, async () => {
    const folder = readableFolder();
    const plugins = { one: { command: ['sleep', '1000'] } };
    writeFileSync(join(folder, 'postern.yaml'), JSON.stringify({ audit: '/dev/null', plugins }));
    for (const [args, count] of [
      [['up', '--config', join(folder, 'postern.yaml')], REHEARSED_CONNECTS],
      [['run', '--', 'sleep', '1000'], 0],
    ] as const) {
      let connects = -1;
      for (let left = count > 0 ? TRIES : 1; connects !== count && left > 0; left -= 1) {
        const { child, result } = startPostern(args, { as: user, inside: ownNetwork });
        const pid = child.pid ?? 0;
        try {
          const broker = await until(() => brokerOf(pid), 30_000);
          await until(() => findPlugin(pid), 30_000);
          if (count > 0) await rehearsed(broker);
          connects = accepted(broker);
        } finally {
          child.kill();
          await result;
        }
      }
      assert.equal(connects, count);
    }
  });
