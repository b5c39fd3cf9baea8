// A wall clock that jumps by a day, ahead and back, again and again. Durations must not notice.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { copyPrograms } from './copy-programs.js';

/** The clock is a day ahead, a day behind and right, each for this long. */
const STEP_MS = 300;

/** Source text. Put before a program, it makes what the program reads as the date jump. */
const JUMPING_CLOCK: string = `{
  const Real = globalThis.Date;
  const day = 86_400_000;
  const now = () => Real.now() + [day, -day, 0][Math.floor(performance.now() / ${STEP_MS}) % 3];
  globalThis.Date = new Proxy(Real, {
    apply: () => new Real(now()).toString(),
    construct: (target, args) => Reflect.construct(target, args.length === 0 ? [now()] : args),
    get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
  });
}
`;

/** Words for Node that let it start a module with this clock. */
export const jumpingClock: readonly string[] = [
  '--import',
  `data:text/javascript,${encodeURIComponent(JUMPING_CLOCK)}`,
];

/** @returns a compiled tree whose programs all have this clock, and which every user may read */
export function distWithJumpingClock(): string {
  const dist = copyPrograms();
  for (const name of readdirSync(join(dist, 'run'))) {
    if (!/\.c?js$/.test(name)) continue;
    const path = join(dist, 'run', name);
    const text = readFileSync(path, 'utf8');
    // The command begins with lines for the shell.
    const start = text.startsWith('#!') ? text.indexOf('\n', text.indexOf('*/')) + 1 : 0;
    writeFileSync(path, text.slice(0, start) + JUMPING_CLOCK + text.slice(start));
  }
  return dist;
}
