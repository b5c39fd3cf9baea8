// A collector, and an `up` that exports to it: a scene of several tests.
// needs: python3-opentelemetry-proto
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { ExportFacts } from '../../sandbox/supervisor/export/exporter.js';
import { freePort } from '../harness/free-port.js';
import { postern, type RunningPostern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { chownTo, readableFolder, type User } from '../harness/users.js';

const RECEIVER = fileURLToPath(new URL('./otlp-receiver.py', import.meta.url));
export const TOKEN = 'export-token-that-goes-to-the-collector-alone';

type Attributes = readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];

export interface HeardLog {
  readonly eventName: string;
  readonly attributes: Attributes;
}

export interface HeardMetric {
  readonly name: string;
  readonly sum?: { readonly dataPoints: readonly HeardPoint[] };
  readonly gauge?: { readonly dataPoints: readonly HeardPoint[] };
}

interface HeardPoint {
  readonly attributes?: Attributes;
  readonly asDouble?: number;
}

/** A request as the collector got it. */
export interface HeardRequest {
  readonly path: string;
  readonly authorization: string | null;
  readonly type: string;
  /** Whether the answer said so. */
  readonly taken: boolean;
  readonly request: {
    readonly resourceLogs?: readonly [
      { readonly scopeLogs: readonly [{ readonly logRecords: readonly HeardLog[] }] },
    ];
    readonly resourceMetrics?: readonly [
      { readonly scopeMetrics: readonly [{ readonly metrics: readonly HeardMetric[] }] },
    ];
  };
}

/** How the collector answers. Without a body, as one that takes all. */
export interface Answers {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** It never does. */
  readonly silent?: boolean;
  readonly close?: boolean;
  readonly flood?: boolean;
}

export interface Collector {
  readonly port: number;
  readonly heard: () => readonly HeardRequest[];
  /** Log records that were taken. */
  readonly logs: () => readonly HeardLog[];
  /** The metrics of the last request that has one of that name. */
  readonly metric: (name: string) => HeardMetric | undefined;
  readonly answer: (how: Answers) => void;
  readonly close: () => void;
}

/** @param port of one that was closed; by default a free one @param pem certificate and key, for TLS */
export async function startCollector(t: TestContext, pem?: string, port = 0): Promise<Collector> {
  const child = spawn('/usr/bin/python3', [RECEIVER, String(port), ...(pem === undefined ? [] : [pem])], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const heard: HeardRequest[] = [];
  const bound = await new Promise<number>((resolve, reject) => {
    child.once('exit', (status) => reject(new Error(`No collector: status ${status}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const said = JSON.parse(line);
      if ('port' in said) resolve(said.port);
      else heard.push(said);
    });
  });
  return {
    port: bound,
    heard: () => heard,
    logs: () =>
      heard
        .filter(({ taken }) => taken)
        .flatMap(({ request }) => request.resourceLogs?.[0].scopeLogs[0].logRecords ?? []),
    metric: (name) =>
      heard
        .flatMap(({ request }) => request.resourceMetrics?.[0].scopeMetrics[0].metrics ?? [])
        .findLast((one) => one.name === name),
    answer: (how) => void child.stdin.write(`${JSON.stringify(how)}\n`),
    close: () => void child.kill('SIGKILL'),
  };
}

/** The value of an attribute, as text. */
export function attribute(attributes: Attributes | undefined, name: string): string | undefined {
  const found = attributes?.find(({ key }) => key === name);
  return found && String(Object.values(found.value)[0]);
}

/** A certificate for 127.0.0.1, and its key. @returns files: the certificate alone, and both */
export function makeCertificate(): { readonly ca: string; readonly pem: string } {
  const folder = readableFolder();
  const [key, ca, pem] = ['key.pem', 'ca.pem', 'both.pem'].map((name) => join(folder, name));
  const words = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '2',
  ];
  const made = spawnSync('openssl', [
    ...[...words, '-subj', '/CN=collector', '-addext', 'subjectAltName=IP:127.0.0.1'],
    ...['-keyout', key ?? '', '-out', ca ?? ''],
  ]);
  if (made.status !== 0) throw new Error(String(made.stderr));
  writeFileSync(pem ?? '', readFileSync(ca ?? '', 'utf8') + readFileSync(key ?? '', 'utf8'));
  return { ca: ca ?? '', pem: pem ?? '' };
}

/** Connects to the port on cue, as often as its file says, and says how many were made. The last one ends with the program. */
const CONNECTS = `
import os, socket, sys, time
cue, port = sys.argv[1], int(sys.argv[2])
print("begun", flush=True)
done = 0
while True:
    try:
        wanted = int(open(cue).read() or 0)
    except OSError:
        wanted = 0
    while done < wanted:
        held = socket.create_connection(("127.0.0.1", port))
        done += 1
        if done == wanted: print("made", done, flush=True)
    time.sleep(0.02)
`;

export interface ExportScene extends RunningPostern {
  readonly folder: string;
  readonly audit: () => string;
  /** The plugin connects so often in all, and it is done when this resolves. */
  readonly connects: (times: number) => Promise<void>;
  readonly page: () => Promise<string>;
  readonly status: () => Promise<{ readonly export: ExportFacts }>;
  /** Waits until the words come on stderr so often. */
  readonly says: (words: string, times?: number) => Promise<void>;
  readonly reload: (more: object) => Promise<void>;
  readonly stop: () => Promise<number | null>;
}

/** @param port to which the plugin connects @param exported the value of `export` */
export async function exportScene(
  t: TestContext,
  as: User,
  port: number,
  exported: object,
): Promise<ExportScene> {
  const [folder, cue, log] = [readableFolder(), readableFolder(), readableFolder()];
  const metrics = await freePort();
  writeFileSync(join(folder, 'headers'), `# of the collector\nAuthorization: Bearer ${TOKEN}\n`);
  chmodSync(join(folder, 'headers'), 0o600);
  const write = (more: object): void => {
    const plugin = {
      command: ['/usr/bin/python3', '-c', CONNECTS, join(cue, 'cue'), String(port)],
      ...{ cwd: cue, allow: [`127.0.0.1:${port}`] },
    };
    const config = {
      ...{ metrics: `127.0.0.1:${metrics}`, audit: join(log, 'audit.log'), export: { ...exported, ...more } },
      plugins: { agent: plugin },
    };
    writeFileSync(join(folder, 'next.yaml'), JSON.stringify(config));
    renameSync(join(folder, 'next.yaml'), join(folder, 'postern.yaml'));
  };
  write({});
  for (const path of [folder, log, join(folder, 'headers')]) chownTo(as, path);
  const control = join(folder, 'control.sock');
  const running = startPostern(['up', '--control', control], { as, cwd: folder, timeoutMs: 180_000 });
  t.after(() => running.child.kill('SIGKILL'));
  const { child, result, said, stderr } = running;
  const saysWithin = async (words: string, times: number, has: () => string): Promise<void> => {
    await until(() => {
      if (child.exitCode !== null) throw new Error(said());
      return has().split(words).length > times || undefined;
    }, 40_000).catch((error) => {
      throw new Error(`${error}\nNothing says "${words}" in: ${said()}`);
    });
  };
  const scene: ExportScene = {
    ...running,
    folder,
    audit: () => readFileSync(join(log, 'audit.log'), 'utf8'),
    connects: async (times) => {
      writeFileSync(join(cue, 'next'), String(times));
      renameSync(join(cue, 'next'), join(cue, 'cue'));
      await saysWithin(`made ${times}\n`, 1, said);
    },
    page: () => fetch(`http://127.0.0.1:${metrics}/metrics`).then((answer) => answer.text()),
    status: async () =>
      JSON.parse((await postern(['status', '--json', '--control', control], { as })).stdout),
    says: (words, times = 1) => saysWithin(words, times, stderr),
    reload: async (more) => {
      write(more);
      const before = stderr().split('was read again').length;
      child.kill('SIGHUP');
      await saysWithin('was read again', before, stderr);
    },
    stop: async () => {
      child.kill('SIGTERM');
      return (await result).status;
    },
  };
  await saysWithin('begun\n', 1, said);
  return scene;
}
