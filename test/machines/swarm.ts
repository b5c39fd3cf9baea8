// Inside a machine: docs/how-to/swarm.md on one node, as an administrator follows it. Argument: a part of PARTS, which goes on where the one before it has
// ended. The machine has no network and a slow processor: nothing here judges by time.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { listen } from '../harness/listener.js';
import { run, tried } from './host.js';

const TOP = fileURLToPath(new URL('../../..', import.meta.url));
const STACK = '/root/stack';
const SECCOMP = '/etc/docker/postern-seccomp.json';
/** Of an interface that leads nowhere: a node needs an address. */
const ADDRESS = '10.99.0.1';
const [ONE, OTHER] = [7_001, 7_002];
const REPLICAS = 3;
/** Each probe, and each look of Docker at a task's health, keeps this processor from the tasks that start meanwhile. */
const [PROBE_EVERY_MS, HEALTH_EVERY] = [1_000, 'start_interval: 30s'];

/** It answers, and connects to a port of the node first if the path names one. It ends when it has answered what it was asked. */
const PLUGIN = `const server = require('http').createServer((request, response) => {
  const port = Number(request.url.slice(1));
  if (!port) return response.end('here');
  require('net').connect(port, '${ADDRESS}')
    .on('connect', function () { this.destroy(); response.end('connected'); })
    .on('error', ({ code }) => response.end(code));
}).listen({ fd: 3 });
process.once('SIGTERM', () => server.close());`;

const rulesFor = (permitted: number): string =>
  JSON.stringify({
    metrics: '127.0.0.1:9464',
    audit: 'stdout',
    plugins: {
      web: {
        command: ['node', '-e', PLUGIN],
        allow: [`${ADDRESS}:${permitted}`],
        listen: [{ name: 'http', address: '0.0.0.0:8080' }],
        restart: { policy: 'on-failure' },
      },
    },
  });

const execute = promisify(execFile);

async function deploy(serial: number, permitted: number): Promise<void> {
  writeFileSync(`${STACK}/rules.yaml`, rulesFor(permitted));
  const deploying = [
    'stack',
    'deploy',
    '--detach=false',
    '--quiet',
    '--compose-file',
    'postern.yaml',
    'postern',
  ];
  await execute('docker', deploying, { cwd: STACK, env: { ...process.env, SERIAL: `${serial}` } });
}

const tasks = (): readonly string[] => run('docker', 'ps', '--quiet', '--no-trunc').split('\n').sort();

/** Swarm is content before the last former task has ended. */
async function settled(): Promise<void> {
  while (tasks().length > REPLICAS) await setTimeout(PROBE_EVERY_MS);
}

/** Each replica reaches the one port, and nobody hears of the other. */
async function inForce(permitted: number, refused: number): Promise<void> {
  const [open, shut] = [
    await listen(undefined, ADDRESS, permitted),
    await listen(undefined, ADDRESS, refused),
  ];
  assert.equal(tasks().length, REPLICAS);
  for (const task of tasks()) {
    assert.match(run('docker', 'exec', task, 'postern', 'status'), /^web .*running/m);
    const said = async (port: number): Promise<string> => {
      const asking = `exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /${port} HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3`;
      return (await execute('docker', ['exec', task, 'bash', '-c', asking])).stdout;
    };
    assert.match(await said(permitted), /\r\nconnected$/);
    assert.match(await said(refused), /\r\nEACCES$/);
  }
  assert.deepEqual([await open.allConnections(), await shut.allConnections()], [REPLICAS, 0]);
  await Promise.all([open.close(), shut.close()]);
}

let repeated = 0;

async function ask(agent: Agent | false): Promise<string> {
  const request = get({ host: ADDRESS, port: 8080, agent });
  try {
    const [response] = await once(request, 'response');
    return (await response.toArray()).join('');
  } catch (error) {
    if (!request.reusedSocket) throw error;
    // A server may end a connection that is kept while a request is on its way: clients of HTTP then ask again by a new one.
    repeated += 1;
    return await ask(agent);
  }
}

/** The published port is asked until the work has replaced every task: by new connections, and by one that is kept. */
async function underLoad(what: string, work: () => Promise<unknown>): Promise<void> {
  const former = tasks();
  let ended = false;
  const lane = async (agent: Agent | false): Promise<readonly string[]> => {
    const answers: string[] = [];
    while (!ended) {
      answers.push(await ask(agent).catch(String));
      await setTimeout(PROBE_EVERY_MS);
    }
    answers.push(await ask(agent).catch(String));
    return answers;
  };
  const kept = new Agent({ keepAlive: true, maxSockets: 1 });
  const lanes = [lane(false), lane(kept)];
  await work()
    .then(settled)
    .finally(() => {
      ended = true;
    });
  const answers = (await Promise.all(lanes)).flat();
  kept.destroy();
  const lost = answers.filter((answer) => answer !== 'here');
  console.log(
    `${answers.length} requests during the ${what}, ${lost.length} lost, ${repeated} asked again because a kept connection had ended`,
  );
  assert.deepEqual(lost, []);
  assert.deepEqual(
    tasks().filter((task) => former.includes(task)),
    [],
  );
}

const PARTS: Readonly<Record<string, () => void | Promise<void>>> = {
  'a node': () => {
    run('ip', 'link', 'add', 'swarm0', 'type', 'dummy');
    run('ip', 'address', 'add', `${ADDRESS}/24`, 'dev', 'swarm0');
    run('ip', 'link', 'set', 'swarm0', 'up');
    for (const folder of [STACK, '/etc/docker', '/srv/postern-proc']) mkdirSync(folder, { recursive: true });
    const script = `${TOP}/dist/run/seccomp-profile.js`;
    writeFileSync(SECCOMP, run(process.execPath, script, `${TOP}/image/seccomp.json`));
    writeFileSync('/etc/docker/daemon.json', JSON.stringify({ 'seccomp-profile': SECCOMP }));
    run('unshare', '--pid', '--fork', 'mount', '-t', 'proc', 'proc', '/srv/postern-proc');
    run('systemctl', 'restart', 'docker');
    const [, image = ''] =
      /Loaded image: (.+)/.exec(run('docker', 'load', '--input', `${TOP}/image/postern.tar`)) ?? [];
    run('docker', 'tag', image, 'postern');
    // On this processor the node would be taken for a dead one.
    run('docker', 'swarm', 'init', '--advertise-addr', ADDRESS, '--dispatcher-heartbeat', '60s');
  },

  // One task more each time: on this processor three starts at once take longer than postern waits for its broker.
  deploy: async () => {
    const written = readFileSync(`${TOP}/deploy/swarm/postern.yaml`, 'utf8');
    const stack = written.replace(/start_interval: \d+s/, HEALTH_EVERY);
    assert.notEqual(stack, written);
    for (let count = 1; count <= REPLICAS; count += 1) {
      writeFileSync(`${STACK}/postern.yaml`, stack.replace(`replicas: ${REPLICAS}`, `replicas: ${count}`));
      await deploy(1, ONE);
    }
    await inForce(ONE, OTHER);
  },

  rollout: async () => {
    await underLoad('rollout', () => deploy(2, OTHER));
    await inForce(OTHER, ONE);
  },

  rollback: async () => {
    await underLoad('rollback', () =>
      execute('docker', ['service', 'rollback', '--quiet', 'postern_plugins']),
    );
    await inForce(ONE, OTHER);
  },
};

const part = PARTS[process.argv[2] ?? ''];
assert.ok(part !== undefined, `The parts are ${Object.keys(PARTS).join(', ')}`);
try {
  await part();
} catch (error) {
  for (const words of [
    ['service', 'ps', '--no-trunc'],
    ['service', 'logs', '--tail', '5'],
  ])
    console.log(tried('docker', ...words, 'postern_plugins').said);
  throw error;
}
