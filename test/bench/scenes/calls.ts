// The cost of a system call in a sandbox, with each way out, outside, and under the least filters.
import { join } from 'node:path';
import { underPostern } from '../checkouts.js';
import { LineProgram } from '../line-program.js';
import type { Bench, Sample, Scene } from '../measure.js';
import { type Opened, openScene, type Part } from '../open-scene.js';

export const ANY_FILTER = 'C limit, a filter';
const CALLS = { quick: 50_000, full: 500_000 };

export function systemCalls(bench: Bench): Promise<Scene> {
  const program = join(bench.programs, 'calls');
  const count = bench.quick ? CALLS.quick : CALLS.full;
  const open = async (words: readonly string[], cwd?: string): Promise<Opened> => {
    const client = new LineProgram(words, cwd);
    await client.line();
    const round = (): Promise<Sample> => client.ask(`calls ${count}`);
    return { round, warmUp: async () => void (await round()), close: () => client.end() };
  };
  const inside = (['transparent', 'channel'] as const).flatMap((egress) =>
    bench.checkouts.map(
      (checkout): Part => ({
        name: egress === 'channel' ? 'channel' : 'trap',
        ...{ role: 'postern', checkout: checkout.label },
        open: () => open(underPostern(checkout, ['--egress', egress], [program]), checkout.top),
      }),
    ),
  );
  const least = (name: string, kind: string): Part => ({
    ...{ name, role: 'limit' },
    open: () => open([program, kind]),
  });
  return openScene([
    { name: 'outside', role: 'direct', open: () => open([program]) },
    least(ANY_FILTER, 'any'),
    least('C limit, one comparison', 'comparing'),
    ...inside,
  ]);
}
