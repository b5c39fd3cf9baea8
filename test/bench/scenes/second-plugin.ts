// The start of a plugin under a running `up`. The second plugin starts after the first, so supervisor and broker are there. Both print the time.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readableFolder } from '../../harness/users.js';
import type { Bench, Checkout, Scene } from '../measure.js';
import { openScene, type Part } from '../open-scene.js';
import { runOnce } from './run-once.js';

export function secondPlugin(bench: Bench): Promise<Scene> {
  const node = [process.execPath, '-e', '0'];
  const parts: Part[] = [
    {
      ...{ name: 'node -e 0', role: 'direct' },
      open: async () => ({
        round: async () => ({ ms: (await runOnce(node)).ms }),
        close: async () => {},
      }),
    },
    ...bench.checkouts.map(
      (checkout): Part => ({
        ...{ name: 'up', role: 'postern', checkout: checkout.label },
        open: async () => ({ round: async () => ({ ms: await between(checkout) }), close: async () => {} }),
      }),
    ),
  ];
  return openScene(parts);
}

async function between({ dist }: Checkout): Promise<number> {
  const folder = readableFolder();
  const time = ['/bin/sh', '-c', 'echo at $(date +%s%N); sleep 0.5'];
  const plugins = { first: { command: time }, second: { command: time, after: ['first'] } };
  writeFileSync(join(folder, 'postern.yaml'), JSON.stringify({ audit: '/dev/null', plugins }));
  const { stdout } = await runOnce([process.execPath, join(dist, 'run/postern.js'), 'up'], folder);
  const at = (name: string): bigint => BigInt(new RegExp(`${name}.*at (\\d+)`).exec(stdout)?.[1] ?? '0');
  const [first, second] = [at('first'), at('second')];
  if (first === 0n || second <= first) throw new Error(`The plugins printed no times: ${stdout}`);
  return Number(second - first) / 1e6;
}
