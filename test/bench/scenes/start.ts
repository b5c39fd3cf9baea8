// The start of `true` to its end: in a sandbox of postern and of peers, beside Node's own start.
import { underPostern } from '../checkouts.js';
import type { Bench, Scene } from '../measure.js';
import { type Opened, openScene, type Part } from '../open-scene.js';
import { installed, NOT_INSTALLED } from '../peers/installed.js';
import { STARTERS } from '../peers/starters.js';
import { runOnce } from './run-once.js';

export function startTrue(bench: Bench): Promise<Scene> {
  const repeat = async (words: readonly string[], cwd?: string): Promise<Opened> => {
    await runOnce(words, cwd);
    return { round: async () => ({ ms: (await runOnce(words, cwd)).ms }), close: async () => {} };
  };
  const parts: Part[] = [
    { name: 'node -e 0', role: 'direct', open: () => repeat([process.execPath, '-e', '0']) },
    ...bench.checkouts.map(
      (checkout): Part => ({
        ...{ name: 'run', role: 'postern', checkout: checkout.label },
        open: () => repeat(underPostern(checkout, [], ['/bin/true']), checkout.top),
      }),
    ),
    ...STARTERS.map(
      ({ name, program, words }): Part => ({
        ...{ name, role: 'peer' },
        open: async () => {
          const path = installed(program);
          return path === undefined ? NOT_INSTALLED : repeat(words(path, bench.programs));
        },
      }),
    ),
  ];
  return openScene(parts);
}
