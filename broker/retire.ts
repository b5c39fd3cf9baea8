// The end of a broker that is replaced on purpose. It takes nothing new, finishes what is soon done, tells what the next broker has to know, and
// exits. The next broker serves what still waits. Runs in the broker.
import { setTimeout as sleep } from 'node:timers/promises';
import { GIVEN_NAMES_A_LINE } from '../shared/limits.js';
import type { LineLink } from './line-link.js';
import type { Plugins } from './plugins.js';

/** How long it may finish what it does. New requests wait meanwhile. */
const RETIRE_MS = 500;

/** Between two looks whether work is done. */
const LOOK_MS = 5;

/** @param page of the query for metrics that is answered last @param exit ends this process at once */
export async function retire(
  plugins: Plugins,
  link: LineLink,
  page: number,
  exit: () => never,
): Promise<void> {
  plugins.stopTaking();
  const until = performance.now() + RETIRE_MS;
  while (plugins.isBusy && performance.now() < until) await sleep(LOOK_MS);
  for (const [session, names] of plugins.giveUp())
    for (let at = 0; at < names.length; at += GIVEN_NAMES_A_LINE)
      link.send({ type: 'given_names', session, names: names.slice(at, at + GIVEN_NAMES_A_LINE) });
  // What was looked at until now has its end in this turn of the event loop.
  await sleep(0);
  plugins.flush();
  // protects: G11 metrics: what a broker has counted stays when it is replaced
  await plugins.reportMetrics(page);
  link.send({ type: 'retired', unanswered: plugins.unanswered });
  const leave = (): void => {
    plugins.flush();
    if (link.backlogBytes > 0) {
      link.drain(leave);
      return;
    }
    // Both in one step: in between, this process could answer a call that the next broker serves again.
    plugins.leaveCalls();
    exit();
  };
  leave();
}
