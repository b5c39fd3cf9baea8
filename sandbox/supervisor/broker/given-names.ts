// What the DNS of a retiring broker gave each sandbox, for the next broker. Runs in the supervisor. The number of names has a bound.
import { BROKER_START_TIMEOUT_MS, GIVEN_NAMES_A_LINE, GRANTS, STAND_INS } from '../../../shared/limits.js';
import type { GivenName, GivenNamesLine } from '../../../shared/protocol/link.js';
import type { BrokerLines } from './broker-lines.js';

/** Of one sandbox. */
const MOST_NAMES = GRANTS + STAND_INS;

export class GivenNames {
  readonly #names = new Map<number, GivenName[]>();

  /** @param line of the retiring broker, about a sandbox that runs. Names past the bound are left out */
  take({ session, names }: GivenNamesLine): void {
    const known = this.#names.get(session) ?? [];
    this.#names.set(session, known);
    known.push(
      .../* protects: G13 names of a retiring broker are bounded => names */ names.slice(
        0,
        MOST_NAMES - known.length,
      ),
    );
  }

  /** Resolves when the next broker has all of them. @throws PosternError `broker_failed` where it does not answer */
  async giveTo(lines: BrokerLines): Promise<void> {
    for (const [session, names] of this.#names)
      for (let at = 0; at < names.length; at += GIVEN_NAMES_A_LINE) {
        lines.send({ type: 'given_names', session, names: names.slice(at, at + GIVEN_NAMES_A_LINE) });
        const id = lines.nextId();
        lines.send({ type: 'ping', id });
        await lines.expect(
          (line) => (line.type === 'pong' && line.id === id ? true : undefined),
          BROKER_START_TIMEOUT_MS,
        );
      }
  }
}
