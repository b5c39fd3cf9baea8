// needs: catatonit
// deploy/kubernetes: the files are right by the schemas of Kubernetes, and the Deployment runs, by podman kube play.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { freePort } from '../harness/free-port.js';
import { type Listener, listen } from '../harness/listener.js';
import { PATIENCE } from '../harness/patience.js';
import { until } from '../harness/until.js';
import { distFor, readableFolder } from '../harness/users.js';
import { image } from './image.js';
import { noContainers, run, succeed, writeJson } from './podman.js';

const FOLDER = join(distFor('root'), '../deploy/kubernetes');
/** The models hold the schemas; 35 MB, so they are no dependency of the checkout. */
const MODELS = ['kubernetes-models@4.5.1', '@kubernetes-models/prometheus-operator@4.4.2'];
const NAME = `postern-${randomBytes(4).toString('hex')}`;

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  // biome-ignore lint/suspicious/noExplicitAny: the schemas check it
  readonly [key: string]: any;
}

function manifests(file: string): readonly Manifest[] {
  return parseAllDocuments(readFileSync(join(FOLDER, file), 'utf8')).map((document) => document.toJS());
}

const find = (kind: string): Manifest =>
  manifests('postern.yaml').find((one) => one.kind === kind) ?? assert.fail(kind);

test('each file is right by its schema, and a wrong one is told', async () => {
  const folder = readableFolder();
  await succeed(['npm', 'install', '--prefix', folder, '--no-audit', '--no-fund', ...MODELS], folder);
  const load = createRequire(join(folder, 'x.js'));
  const check = ({ apiVersion, kind, ...rest }: Manifest): void => {
    const group = apiVersion.split('/').at(0) ?? '';
    const from = group === 'monitoring.coreos.com' ? MODELS[1] : MODELS[0];
    const [, name = ''] = /^(.+)@/.exec(from ?? '') ?? [];
    const model = load(`${name}/${apiVersion}/${kind}`)[kind];
    new model(rest).validate();
  };
  const all = [...manifests('postern.yaml'), ...manifests('pod-monitor.yaml')];
  assert.deepEqual(
    all.map(({ kind }) => kind),
    ['ConfigMap', 'Deployment', 'NetworkPolicy', 'PodMonitor'],
  );
  for (const one of all) check(one);
  assert.throws(() =>
    check({ ...find('Deployment'), spec: { ...find('Deployment')['spec'], replicas: 'many' } }),
  );
});

test('no container is privileged, has a capability or namespaces of the node', () => {
  const { spec } = find('Deployment')['spec'].template;
  assert.equal(spec.hostUsers, false);
  for (const key of ['hostNetwork', 'hostPID', 'hostIPC']) assert.equal(spec[key], undefined);
  for (const { securityContext: own } of spec.containers) {
    assert.equal(own.privileged, undefined);
    assert.deepEqual([own.capabilities, own.allowPrivilegeEscalation], [{ drop: ['ALL'] }, false]);
  }
});

/** Writes files as the kubelet does: in a new folder, to which a link is swapped. */
function swap(folder: string, text: string): void {
  const name = `..${randomBytes(4).toString('hex')}`;
  mkdirSync(join(folder, name), { mode: 0o755 });
  writeFileSync(join(folder, name, 'postern.yaml'), text, { mode: 0o644 });
  symlinkSync(name, join(folder, '..data.next'));
  renameSync(join(folder, '..data.next'), join(folder, '..data'));
}

const servers: Listener[] = [];
after(async () => {
  for (const server of servers) await server.close();
});

let name = '';
let profiles = '';
before(
  async () => {
    if (noContainers !== false) return;
    name = await image();
    profiles = readableFolder();
    const script = join(distFor('root'), 'run/seccomp-profile.js');
    const source = '/usr/share/containers/seccomp.json';
    const profile = await succeed([process.execPath, script, '--kubernetes', source]);
    writeJson(join(profiles, 'postern-seccomp.json'), JSON.parse(profile));
  },
  { timeout: 240_000 * PATIENCE },
);

/** The Deployment as podman can run it: user namespaces need ids that a machine may lack, and an annotation names the profile. */
function playable(own: string, pod: object, container: object): Manifest {
  const deployment = find('Deployment');
  const { template } = deployment['spec'];
  const { hostUsers: _, ...spec } = template.spec;
  const annotations = { 'seccomp.security.alpha.kubernetes.io/pod': 'localhost/postern-seccomp.json' };
  const containers = [{ ...spec.containers[0], image: name, resources: {}, ...container }];
  const played = { ...spec, ...pod, containers };
  // Podman makes each volume one of the machine, by its name.
  const named = <T extends { name: string }>(one: T): T => ({ ...one, name: `${own}-${one.name}` });
  played.volumes = played.volumes.map(named);
  for (const one of containers) one.volumeMounts = one.volumeMounts.map(named);
  return {
    ...deployment,
    metadata: { ...deployment['metadata'], name: own, annotations },
    spec: {
      ...deployment['spec'],
      template: {
        metadata: { ...template.metadata, annotations },
        spec: played,
      },
    },
  };
}

interface Played {
  readonly logs: () => Promise<string>;
  /** Waits for these words behind a place of the logs. @returns what stands there */
  readonly said: (words: string, from?: number) => Promise<string>;
  /** Runs a command in the container. @throws Error where it fails */
  readonly exec: (...command: readonly string[]) => Promise<string>;
}

/** @param own the name of its Deployment */
async function play(
  t: TestContext,
  own: string,
  documents: readonly Manifest[],
  ...options: readonly string[]
): Promise<Played> {
  const folder = readableFolder();
  const file = join(folder, 'play.yaml');
  writeFileSync(file, documents.map((one) => JSON.stringify(one)).join('\n---\n'));
  t.after(async () => {
    await run(['podman', 'pod', 'rm', '--force', '--time', '0', `${own}-pod`]);
    // Of the ConfigMap. Those of emptyDir go with the pod.
    await run(['podman', 'volume', 'rm', '--force', own]);
  });
  await succeed(['podman', 'kube', 'play', '--seccomp-profile-root', profiles, ...options, file], folder);
  const container = `${own}-pod-postern`;
  const logs = async (): Promise<string> => {
    const { stdout, stderr } = await run(['podman', 'logs', container]);
    return `${stdout}${stderr}`;
  };
  return {
    logs,
    said: (words, from = 0) =>
      until(async () => {
        const text = (await logs()).slice(from);
        return text.includes(words) ? text : undefined;
      }, 60_000).catch(async () => assert.fail(`Nothing says "${words}" in ${await logs()}`)),
    exec: (...command) => succeed(['podman', 'exec', container, ...command]),
  };
}

test('podman runs the whole file with its own ConfigMap, and its plugin runs', {
  skip: noContainers,
}, async (t) => {
  const own = `${NAME}-whole`;
  const { volumes } = find('Deployment')['spec'].template.spec;
  const documents = manifests('postern.yaml').map((one) => {
    if (one.kind === 'ConfigMap') return { ...one, metadata: { ...one['metadata'], name: own } };
    if (one.kind !== 'Deployment') return one;
    const ownVolumes = volumes.map((volume: { configMap?: { name: string } }) =>
      volume.configMap?.name === find('ConfigMap')['metadata'].name
        ? { ...volume, configMap: { name: own } }
        : volume,
    );
    return playable(own, { volumes: ownVolumes }, {});
  });
  // The shipped port may be taken on this machine, so the pod has its own network.
  const { logs, exec } = await play(t, own, documents, '--network', 'none');
  const status = await until(async () => {
    const text = await exec('postern', 'status').catch(() => '');
    return /^agent .*running/m.test(text) || undefined;
  }, 60_000).catch(logs);
  assert.equal(status, true);
  assert.equal(
    await exec('cat', '/etc/postern/postern.yaml'),
    find('ConfigMap')['data']['postern.yaml'] as string,
  );
});

test('podman runs the Deployment: a permitted and a refused connect, the probes, and a rollout by the swapped link', {
  skip: noContainers,
}, async (t) => {
  const [one, other] = [await listen((socket) => socket.end()), await listen((socket) => socket.end())];
  servers.push(one, other);
  const [config, metrics] = [readableFolder(), await freePort()];
  const tries = `const net = require('node:net'); setInterval(() => { for (const port of [${one.port}, ${other.port}]) net.connect(port, '127.0.0.1').on('connect', () => console.log(port, 'connected')).on('error', (error) => console.log(port, error.code)); }, 100)`;
  const textWith = (allow: readonly number[]): string => {
    const own = find('ConfigMap')['data']['postern.yaml'] as string;
    return JSON.stringify({
      ...parseAllDocuments(own)[0]?.toJS(),
      metrics: `127.0.0.1:${metrics}`,
      plugins: {
        agent: {
          command: ['node', '-e', tries],
          allow: allow.map((port) => `127.0.0.1:${port}`),
          restart: { policy: 'always' },
        },
      },
    });
  };
  swap(config, textWith([one.port]));
  symlinkSync('..data/postern.yaml', join(config, 'postern.yaml'));
  const { spec } = find('Deployment')['spec'].template;
  // Podman has no kubelet: the network is this machine's, and the test swaps the link.
  const port = (probe: { httpGet: object }): object => ({
    ...probe,
    httpGet: { ...probe.httpGet, port: metrics, host: '127.0.0.1' },
  });
  const container = {
    ports: [],
    readinessProbe: port(spec.containers[0].readinessProbe),
    livenessProbe: port(spec.containers[0].livenessProbe),
  };
  const volumes = spec.volumes.map((volume: { name: string }) =>
    volume.name === 'config' ? { name: 'config', hostPath: { path: config, type: 'Directory' } } : volume,
  );
  const { logs, said, exec } = await play(t, NAME, [
    playable(NAME, { hostNetwork: true, volumes }, container),
  ]);
  await said(`${one.port} connected`);
  await said(`${other.port} ECONNREFUSED`);
  assert.equal(await other.allConnections(), 0);
  assert.equal((await fetch(`http://127.0.0.1:${metrics}/healthz`)).status, 200);
  const id = (await exec('id', '-u')).trim();
  assert.equal(id, '1000');
  assert.match(await exec('postern', 'status'), /^agent .*running/m);
  const before = (await logs()).length;
  swap(config, textWith([other.port]));
  await said(`${other.port} connected`, before);
  const text = await logs();
  assert.match(text, /was read again; with other rules: agent/);
  assert.match(await exec('postern', 'status'), /^agent .*running/m);
  const closed = text.length;
  await said(`${one.port} ECONNREFUSED`, closed);
  swap(config, 'plugins: [');
  await said('is not put in force: the former configuration stays', closed);
  await said(`${other.port} connected`, (await logs()).length);
});
