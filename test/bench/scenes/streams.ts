// What a connection carries once it is there: bytes at full speed, and one byte to and fro.
import { join } from 'node:path';
import { LineProgram } from '../line-program.js';
import type { Bench, Sample, Scene } from '../measure.js';
import { openScene } from '../open-scene.js';
import { clientsInC, type Use } from './clients.js';
import { peersInC } from './peers-in-c.js';
import type { Upstream } from './upstream.js';

export interface Stream {
  readonly kind: 'bulk' | 'ping';
  /** Bytes, or bytes to and fro. */
  readonly count: { readonly quick: number; readonly full: number };
}

export async function streams(bench: Bench, { kind, count }: Stream): Promise<Scene> {
  const amount = bench.quick ? count.quick : count.full;
  const use: Use = async (start) => {
    const program = await start();
    return {
      round: async (): Promise<Sample> => {
        const { seconds } = await program.ask<{ seconds: number }>(`${kind} ${amount}`);
        return { rate: (kind === 'bulk' ? amount / 1e6 : amount) / seconds };
      },
      close: () => program.end(),
    };
  };
  const server = new LineProgram([join(bench.programs, 'serves')]);
  const upstream: Upstream = {
    ports: await server.line(),
    accepted: () => Promise.reject(new Error('This upstream does not count')),
    end: () => server.end(),
  };
  // The limits end with the connect: the socket is the same as postern's.
  const clients = clientsInC(bench, upstream, use).filter(({ role }) => role !== 'limit');
  return openScene([...clients, ...peersInC(bench, upstream, use)], upstream.end);
}
