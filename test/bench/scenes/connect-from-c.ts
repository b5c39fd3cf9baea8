// Connects of a client in C: directly, by the C limits, by postern's trap, and by peers.
import { join } from 'node:path';
import { underPostern } from '../checkouts.js';
import { LineProgram } from '../line-program.js';
import type { Bench, Contestant, Scene } from '../measure.js';
import { type Opened, openScene, type Part } from '../open-scene.js';
import { connectClient, type Load } from './connect-client.js';
import { startUpstream } from './upstream.js';

export async function connectFromC(bench: Bench, load: Load): Promise<Scene> {
  const upstream = await startUpstream(bench.programs);
  const program = (name: string): string => join(bench.programs, name);
  const client = [program('connects'), '127.0.0.1', upstream.port];
  const start = async (words: readonly string[], cwd?: string): Promise<Opened> => {
    const started = new LineProgram(words, cwd);
    await started.line();
    return connectClient(started, upstream, load);
  };
  const part = (name: string, role: Contestant['role'], words: readonly string[]): Part => ({
    ...{ name, role },
    open: () => start(words),
  });
  const limit = (name: string): string[] => [program('limit'), name, ...client];
  const parts: Part[] = [
    part('direct', 'direct', client),
    part('C limit, hand-over', 'limit', limit('hand-over')),
    part('C limit, trap', 'limit', limit('trap')),
    part('C limit, trap with checks', 'limit', limit('trap-checked')),
    ...bench.checkouts.map(
      (checkout): Part => ({
        ...{ name: 'trap', role: 'postern', checkout: checkout.label },
        open: () =>
          start(underPostern(checkout, ['--allow', `127.0.0.1:${upstream.port}`], client), checkout.top),
      }),
    ),
  ];
  return openScene(parts, () => upstream.end());
}
