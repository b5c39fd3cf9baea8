// HTTPS requests through a gateway, beside direct ones and a plain proxy in Node. Server and clients are in a network of the bench's own, where
// the server has a public address. Each round has a fresh client, and a fresh gateway, which are warm when it counts.
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startInternet } from '../../docs/internet.js';
import { readableFolder } from '../../harness/users.js';
import type { HttpsServer } from '../https-server.js';
import { LineProgram } from '../line-program.js';
import type { Bench, Checkout, Sample, Scene } from '../measure.js';
import { openScene, type Part } from '../open-scene.js';
import { Service } from '../peers/service.js';
import { below, pssBelow, SETTLE_MS } from './memory.js';
import { runOnce } from './run-once.js';

const HOST = 'api.example.com';
const PORT = 8443;
const SECRET = 'bench-0123456789abcdef';
const AUTHORIZATION = `Bearer ${SECRET}`;
const ABREAST = 16;
const REQUESTS = { quick: 400, full: 4_000 };
const BYTES = { quick: 16e6, full: 256e6 };
const SERVER = fileURLToPath(new URL('../https-server.js', import.meta.url));
const CLIENT = fileURLToPath(new URL('../https-client.js', import.meta.url));

interface Timing {
  readonly p50: number;
  readonly p99: number;
  readonly together: number;
  readonly bulk: number;
}

export async function gatewayRequests({ quick, checkouts, programs }: Bench): Promise<Scene> {
  const internet = await startInternet({ names: [HOST] });
  const { certificate, addresses, within, site } = internet;
  const [requests, bytes] = quick ? [REQUESTS.quick, BYTES.quick] : [REQUESTS.full, BYTES.full];
  const client = join(programs, 'https-client.mjs');
  copyFileSync(CLIENT, client);
  const address = addresses[HOST] ?? '';
  const asking = (at: string): readonly string[] => [
    ...[process.execPath, client, HOST, String(PORT), at, String(requests), String(ABREAST), String(bytes)],
  ];
  const trusting = [
    ...within,
    'env',
    ...Object.entries(internet.env).map(([name, value]) => `${name}=${value}`),
  ];
  const outside = (at: string): readonly string[] => [...trusting, ...asking(at), AUTHORIZATION];
  const round = (words: readonly string[]) => async (): Promise<Sample> => {
    const { stdout } = await runOnce(words);
    const { p50, p99, together, bulk }: Timing = JSON.parse(/\{.*\}/.exec(stdout)?.[0] ?? '');
    return { p50, p99, rate: requests / together, bytes: bytes / 1e6 / bulk };
  };
  const part = (name: string, role: Part['role'], words: readonly string[], label?: string): Part => ({
    ...{ name, role, ...(label !== undefined && { checkout: label }) },
    open: async () => ({ round: round(words), close: async () => {} }),
  });
  const start = async (
    words: readonly string[],
    settings: Omit<HttpsServer, 'cert' | 'key'>,
  ): Promise<LineProgram> => {
    const program = new LineProgram([
      ...words,
      process.execPath,
      SERVER,
      JSON.stringify({ ...certificate, ...settings }),
    ]);
    await program.line();
    return program;
  };
  const common = { port: PORT, authorization: AUTHORIZATION };
  const servers = [
    await start(site, { ...common, address }),
    await start(trusting, { ...common, address: '127.0.0.1', upstream: { host: HOST, address } }),
  ];
  return openScene(
    [
      part('direct', 'direct', outside(address)),
      part('Node proxy', 'peer', outside('127.0.0.1')),
      ...checkouts.map((one) =>
        part('gateway', 'postern', [...within, ...upWith(one, 1, asking(HOST), [client])], one.label),
      ),
    ],
    async () => {
      for (const server of servers) await server.end();
      internet.close();
    },
  );
}

/** All processes of an `up` but its plugins: so many, each with a gateway. */
export function memoryOfGateways({ quick, checkouts }: Bench): Promise<Scene> {
  const idle = ['/bin/sleep', '100000'];
  const round = (checkout: Checkout, count: number) => async (): Promise<Sample> => {
    const service = new Service(upWith(checkout, count, idle));
    try {
      // A program begins when its gateway serves.
      const begun = (): number =>
        below(service.pid).filter((command) => command.startsWith(idle.join(' '))).length;
      await service.until(() => begun() === count, START_MS);
      await sleep(SETTLE_MS);
      const all = pssBelow(service.pid, idle.join(' '));
      return { all, each: all / count };
    } finally {
      await service.end();
    }
  };
  return openScene(
    (quick ? [1, 10] : [1, 10, 100]).flatMap((count) =>
      checkouts.map(
        (one): Part => ({
          ...{ name: `${count} ${count === 1 ? 'plugin' : 'plugins'}`, role: 'postern', checkout: one.label },
          open: async () => ({ round: round(one, count), close: async () => {} }),
        }),
      ),
    ),
  );
}

const START_MS = 600_000;

/** Words that run an `up` with so many plugins. Each has a gateway, which sets a secret and checks a rule. */
function upWith(
  { dist }: Checkout,
  count: number,
  command: readonly string[],
  visible: readonly string[] = [],
): readonly string[] {
  // A plugin sees the folder of its configuration.
  const [folder, kept] = [readableFolder(), readableFolder()];
  const token = join(kept, 'token');
  writeFileSync(token, SECRET, { mode: 0o600 });
  const plugin = {
    command,
    filesystem: { visible },
    allow: [`${HOST}:${PORT}`],
    gateway: { [HOST]: { headers: { authorization: 'Bearer {key}' }, allow: ['GET /small', 'GET /bulk'] } },
    limits: { requests_per_second: 1_000_000, log_lines_per_second: 1_000_000 },
  };
  const plugins = Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, plugin]));
  const secrets = { key: { file: token } };
  writeFileSync(join(folder, 'postern.yaml'), JSON.stringify({ audit: '/dev/null', secrets, plugins }));
  return [
    ...[process.execPath, join(dist, 'run/postern.js'), 'up', '--control', 'off'],
    ...['--config', join(folder, 'postern.yaml')],
  ];
}
