// ab(1) and redis-benchmark(1), in a sandbox and outside: what programs that nobody wrote for this bench get.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../harness/free-port.js';
import { readableFolder } from '../../harness/users.js';
import { underPostern } from '../checkouts.js';
import type { Bench, Scene } from '../measure.js';
import { type Opened, openScene, type Part } from '../open-scene.js';
import { connectsTo } from '../peers/connects-to.js';
import { installed, NOT_INSTALLED } from '../peers/installed.js';
import { Service } from '../peers/service.js';
import { runOnce } from './run-once.js';

export interface Generator {
  /** The programs that it needs. */
  readonly server: string;
  readonly client: string;
  readonly serverArgs: (port: number, folder: string) => readonly string[];
  readonly clientArgs: (port: number, keep: boolean, requests: number) => readonly string[];
  /** Requests a second, in what the client prints. */
  readonly result: RegExp;
}

export const AB: Generator = {
  ...{ server: 'nginx', client: 'ab' },
  serverArgs: (port, folder) => {
    const file = join(folder, 'nginx.conf');
    const http = `access_log off; keepalive_requests 1000000; server { listen 127.0.0.1:${port} backlog=4096; location / { return 200 "ok"; } }`;
    const main = `daemon off; pid ${folder}/nginx.pid; error_log stderr crit; worker_processes 1;`;
    writeFileSync(file, `${main} events { worker_connections 1024; } http { ${http} }\n`);
    return ['-p', folder, '-e', 'stderr', '-c', file];
  },
  clientArgs: (port, keep, requests) => [
    ...['-q', ...(keep ? ['-k'] : []), '-n', String(requests), '-c', '16'],
    `http://127.0.0.1:${port}/`,
  ],
  result: /Requests per second:\s+([\d.]+)/,
};

export const REDIS: Generator = {
  ...{ server: 'redis-server', client: 'redis-benchmark' },
  serverArgs: (port, folder) => [
    ...['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder],
    ...['--tcp-backlog', '4096', '--loglevel', 'warning'],
  ],
  clientArgs: (port, keep, requests) => [
    ...['-h', '127.0.0.1', '-p', String(port), '-k', keep ? '1' : '0', '-c', '16'],
    ...['-n', String(requests), '-t', 'set', '--csv'],
  ],
  result: /"SET","([\d.]+)"/,
};

/** @param keep whether the client keeps its connections */
export async function loadGenerator(bench: Bench, generator: Generator, keep: boolean): Promise<Scene> {
  const [server, client] = [installed(generator.server), installed(generator.client)];
  if (server === undefined || client === undefined) {
    const absent = [generator.server, generator.client].filter((name) => installed(name) === undefined);
    return {
      contestants: [],
      absent: absent.map((name) => ({ name, why: NOT_INSTALLED })),
      close: async () => {},
    };
  }
  const requests = (keep ? 5 : 1) * (bench.quick ? 4_000 : 20_000);
  type Command = (port: number, words: readonly string[]) => readonly string[];
  const open = async (command: Command, cwd?: string): Promise<Opened> => ({
    round: async () => {
      // The ports of a client that has made so many connects are in TIME_WAIT. So each round has a server at another port.
      const port = await freePort();
      const service = new Service([server, ...generator.serverArgs(port, readableFolder())]);
      await service.until(() => connectsTo(port));
      const words = [client, ...generator.clientArgs(port, keep, requests)];
      const { stdout } = await runOnce(command(port, words), cwd).finally(() => service.end());
      const rate = Number(generator.result.exec(stdout)?.[1]);
      if (!(rate > 0)) throw new Error(`${generator.client} printed no rate: ${stdout.slice(-300)}`);
      return { rate };
    },
    close: async () => {},
  });
  const parts: Part[] = [
    { name: 'direct', role: 'direct', open: () => open((_, words) => words) },
    ...bench.checkouts.map(
      (checkout): Part => ({
        ...{ name: 'trap', role: 'postern', checkout: checkout.label },
        open: () =>
          open(
            (port, words) => underPostern(checkout, ['--allow', `127.0.0.1:${port}`], words),
            checkout.top,
          ),
      }),
    ),
  ];
  return openScene(parts);
}
