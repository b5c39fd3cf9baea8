// An `up` whose plugins connect when they are told, each over a control connection of its own (c/bursts.c).
import { writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { brokerOf } from '../../harness/processes.js';
import { readableFolder } from '../../harness/users.js';
import type { Bench, Checkout } from '../measure.js';
import { Service } from '../peers/service.js';
import type { Upstream } from './upstream.js';

export interface BurstingUp {
  readonly supervisor: number;
  readonly broker: number;
  /** Each plugin makes so many connects. Resolves when all have. */
  readonly burst: (each: number) => Promise<void>;
  readonly end: () => Promise<void>;
}

export interface Plugins {
  readonly count: number;
  /** Whether they hold their connections until the next burst. */
  readonly hold?: true;
}

const START_MS = 600_000;

export async function startBurstingUp(
  { programs }: Bench,
  { dist }: Checkout,
  upstream: Upstream,
  { count, hold }: Plugins,
): Promise<BurstingUp> {
  const controls: Socket[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    controls.push(socket);
  });
  const control = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  const plugin = {
    command: [
      ...[join(programs, 'bursts'), '127.0.0.1', upstream.ports, String(control)],
      ...(hold ? ['hold'] : []),
    ],
    allow: [`127.0.0.1:${upstream.ports}`, `127.0.0.1:${control}`],
    limits: { requests_per_second: 1_000_000, log_lines_per_second: 1_000_000 },
  };
  const plugins = Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, plugin]));
  const folder = readableFolder();
  writeFileSync(join(folder, 'postern.yaml'), JSON.stringify({ audit: '/dev/null', plugins }));
  const words = [
    process.execPath,
    join(dist, 'run/postern.js'),
    'up',
    '--config',
    join(folder, 'postern.yaml'),
  ];
  const service = new Service(words);
  const end = async (): Promise<void> => {
    for (const socket of controls) socket.destroy();
    server.close();
    await service.end();
  };
  try {
    await service.until(() => controls.length === count, START_MS);
    const broker = brokerOf(service.pid);
    if (broker === undefined) throw new Error('There is no broker');
    return {
      ...{ supervisor: service.pid, broker, end },
      burst: async (each) => {
        const bytes = Buffer.alloc(8);
        bytes.writeBigUInt64LE(BigInt(each));
        await Promise.all(controls.map((socket) => order(socket, bytes)));
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

function order(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error('A plugin ended'));
    socket.once('close', ended);
    socket.once('data', () => {
      socket.off('close', ended);
      resolve();
    });
    socket.write(bytes);
  });
}
