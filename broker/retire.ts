// The end of a broker that is replaced on purpose. It takes nothing new, finishes what is soon done, tells what the next broker has to know, and
// exits. The next broker serves what still waits. Runs in the broker.
import { setTimeout as sleep } from 'node:timers/promises';
import { GIVEN_NAMES_A_LINE, RETIRE_MS } from '../shared/limits.js';
import type { BrokerLine, GivenName } from '../shared/protocol/link.js';

/** Between two looks whether work is done. */
const LOOK_MS = 5;

/** What a broker serves. */
export interface RetiringSessions {
  /** Takes nothing from any plugin any more. */
  stopTaking(): void;
  /** Whether something is under way that may be done soon. */
  readonly isBusy: boolean;
  /** Looks at nothing any more. @returns for each trap, what its sandbox's DNS gave */
  giveUp(): ReadonlyMap<number, readonly GivenName[]>;
  /** Sessions of channels with requests that have no answer. No further ones come. */
  readonly unanswered: readonly number[];
  /** Makes all audit events that are owed. */
  flush(): void;
  /** Leaves the calls that wait to the next broker. Nothing may be done for them from now on. */
  leaveCalls(): void;
}

export interface RetiringLink {
  readonly backlogBytes: number;
  send(line: BrokerLine): void;
  drain(done: () => void): void;
}

/** @param exit ends this process at once */
export async function retire(
  sessions: RetiringSessions,
  link: RetiringLink,
  exit: () => never,
): Promise<void> {
  sessions.stopTaking();
  const until = performance.now() + RETIRE_MS;
  while (sessions.isBusy && performance.now() < until) await sleep(LOOK_MS);
  for (const [session, names] of sessions.giveUp())
    for (let at = 0; at < names.length; at += GIVEN_NAMES_A_LINE)
      link.send({ type: 'given_names', session, names: names.slice(at, at + GIVEN_NAMES_A_LINE) });
  // What was looked at until now has its end in this turn of the event loop.
  await sleep(0);
  sessions.flush();
  link.send({ type: 'retired', unanswered: sessions.unanswered });
  const leave = (): void => {
    sessions.flush();
    if (link.backlogBytes > 0) {
      link.drain(leave);
      return;
    }
    // Both in one step: in between, this process could answer a call that the next broker serves again.
    sessions.leaveCalls();
    exit();
  };
  leave();
}
