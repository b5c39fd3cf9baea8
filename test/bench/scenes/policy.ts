// How long rules take to load, and a decision among them.
import { fileURLToPath } from 'node:url';
import { LineProgram } from '../line-program.js';
import type { Bench, Sample, Scene } from '../measure.js';
import { openScene, type Part } from '../open-scene.js';

const RULES = { quick: [10, 10_000], full: [10, 1_000, 100_000, 1_000_000] };

export function policy(bench: Bench): Promise<Scene> {
  const worker = fileURLToPath(new URL('../policy-worker.js', import.meta.url));
  const parts = RULES[bench.quick ? 'quick' : 'full'].flatMap((count) =>
    bench.checkouts.map((checkout): Part => {
      const open = async () => {
        const heap = '--max-old-space-size=8192';
        const program = new LineProgram([process.execPath, heap, worker, checkout.dist, String(count)]);
        await program.line();
        const round = (): Promise<Sample> => program.ask('measure');
        return { round, warmUp: async () => void (await round()), close: () => program.end() };
      };
      const name = `${count.toLocaleString('en')} rules`;
      return { ...{ name, role: 'postern', checkout: checkout.label }, open };
    }),
  );
  return openScene(parts);
}
