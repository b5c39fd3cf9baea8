// Clients of the control socket that learn which rules a plugin needs. Runs in the supervisor. Each one learns from its own beginning on.
import { networkInterfaces } from 'node:os';
import { LEARN_PAUSE_MS } from '../../../shared/limits.js';
import type { AuditEvent } from '../../../shared/protocol/audit-events.js';
import { LiveLearner, type LiveLearnt, type LiveQuestion } from '../learn/live-learner.js';

export class Learners {
  readonly #listeners = new Set<(event: AuditEvent) => void>();

  take(event: AuditEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** @param send takes all that was learnt so far, once a second at most @returns ends it, after a last report */
  begin(question: Omit<LiveQuestion, 'own'>, send: (learnt: LiveLearnt) => void): () => void {
    const learner = new LiveLearner({ ...question, own: ownAddresses() });
    let timer: NodeJS.Timeout | undefined;
    const tell = (): void => {
      timer = undefined;
      send(learner.learnt);
    };
    const listener = (event: AuditEvent): void => {
      if (learner.take(event)) timer ??= setTimeout(tell, LEARN_PAUSE_MS).unref();
    };
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      if (timer === undefined) return;
      clearTimeout(timer);
      tell();
    };
  }
}

/** As the kernel writes them, which is the form of an address in an event. */
function ownAddresses(): ReadonlySet<string> {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return new Set(all.map(({ address }) => address));
}
