// Answers the questions of a chaos run at random, by the control socket: once, for this run, deny, or never. It notes what was approved, and whether
// each question ends in time.
import { createInterface } from 'node:readline';
import { rawControl, request } from '../harness/raw-control.js';
import { until } from '../harness/until.js';
import { NAMES } from './in-public-net.js';
import type { Span } from './judge.js';

/** How long a question of the run waits for its answer. */
export const ASK_S = 10;
const SLACK_MS = 3_000;

interface Ask {
  readonly id: string;
  readonly host: string;
  readonly port: number;
}

interface Line {
  readonly id?: number | string;
  readonly result?: unknown;
  readonly params?: {
    readonly event?: { readonly opened?: Ask; readonly closed?: string; readonly answer?: string };
  };
}

export interface Answerer {
  /** `PORT ADDRESS` of each destination that was approved. */
  readonly approved: ReadonlySet<string>;
  /** How often a question ended so. */
  readonly endings: Readonly<Record<string, number>>;
  /** Stops these plugins. @returns what did not hold */
  readonly finish: (plugins: readonly string[]) => Promise<readonly string[]>;
}

/** @returns `PORT ADDRESS`, as the network tells a connection */
export const placeOf = (host: string, port: number | string): string => `${port} ${NAMES[host] ?? host}`;

export async function answerAtRandom(
  path: string,
  random: () => number,
  pauses: readonly Span[],
): Promise<Answerer> {
  const control = await rawControl(path);
  /** When each question opened, and the pauses until then. In milliseconds. */
  const open = new Map<string, { readonly at: number; readonly paused: number }>();
  const pausedMs = (): number => pauses.reduce((sum, [from, to]) => sum + (to - from) * 1000, 0);
  const approving = new Map<number, string>();
  const approved = new Set<string>();
  const endings: Record<string, number> = {};
  const problems: string[] = [];
  let number = 1;

  const answer = ({ id, host, port }: Ask): void => {
    number += 1;
    const drawn = random();
    if (drawn > 0.7) return;
    const scope = drawn < 0.3 ? 'once' : 'run';
    if (drawn > 0.5) control.send(request(number, 'deny', { id }));
    else {
      approving.set(number, placeOf(host, port));
      control.send(request(number, 'approve', { id, scope }));
    }
  };
  const opened = (ask: Ask): void => {
    open.set(ask.id, { at: performance.now(), paused: pausedMs() });
    if (!(ask.host in NAMES) && !ask.host.startsWith('93.184.216.'))
      problems.push(`somebody was asked about ${ask.host}`);
    setTimeout(() => answer(ask), random() * 4_000);
  };
  const closed = (id: string, ending = 'none'): void => {
    const since = open.get(id);
    open.delete(id);
    endings[ending] = (endings[ending] ?? 0) + 1;
    const lasted = since === undefined ? 0 : performance.now() - since.at - (pausedMs() - since.paused);
    if (lasted > ASK_S * 1000 + SLACK_MS) problems.push(`question ${id} lasted ${Math.round(lasted)} ms`);
  };
  createInterface({ input: control.socket }).on('line', (text) => {
    const { id, result, params } = JSON.parse(text) as Line;
    const place = typeof id === 'number' && result !== undefined ? approving.get(id) : undefined;
    if (place !== undefined) approved.add(place);
    if (params?.event?.opened !== undefined) opened(params.event.opened);
    if (params?.event?.closed !== undefined) closed(params.event.closed, params.event.answer);
  });
  control.send(request('watch', 'watch', { method: 'asks' }));
  await control.answers(1);
  return {
    approved,
    endings,
    finish: async (plugins) => {
      for (const plugin of plugins) control.send(request(`stop ${plugin}`, 'stop', { plugin }));
      await until(() => (open.size === 0 ? true : undefined), 20_000).catch(() =>
        problems.push(`${open.size} questions did not end with their plugins`),
      );
      control.socket.destroy();
      return problems;
    },
  };
}
