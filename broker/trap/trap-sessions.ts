// The traps of all sandboxes, as the supervisor names them. Runs in the broker.
import type {
  BrokerLine,
  GivenName,
  GivenNamesLine,
  SupervisorLine,
  TrapPacket,
} from '../../shared/protocol/link.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { Plugin } from '../request/plugin.js';
import type { Services } from '../request/services.js';
import { type TrapEnds, TrapSession } from './trap-session.js';

export class TrapSessions {
  readonly #services: Services;
  readonly #send: (line: BrokerLine) => void;
  readonly #open = new Set<TrapSession>();
  /** Of traps that have not come yet. */
  readonly #given = new Map<number, readonly GivenName[]>();

  /** @param send a line to the supervisor */
  constructor(services: Services, send: (line: BrokerLine) => void) {
    this.#services = services;
    this.#send = send;
  }

  /** Names that the former broker's DNS gave a sandbox whose trap comes later. */
  keepNames({ session, names }: GivenNamesLine): void {
    this.#given.set(session, [...(this.#given.get(session) ?? []), ...names]);
  }

  /** Serves a sandbox's trap and its DNS, until the sandbox ends. */
  attach(plugin: Plugin, { session: number, ...details }: TrapPacket, ends: TrapEnds): void {
    for (const end of Object.values<OwnedFd | undefined>({ ...ends }))
      if (end !== undefined) plugin.descriptors.hold(end);
    const given =
      /* protects: G7 the next broker knows the names that were given */ this.#given.get(number) ?? [];
    this.#given.delete(number);
    const trap = new TrapSession({
      ...details,
      services: this.#services,
      plugin,
      number,
      given,
      ends,
      onEnd: (ended) => {
        this.#open.delete(ended);
        this.#send({ type: 'trap_ended', session: number });
      },
    });
    this.#open.add(trap);
    if (plugin.unguarded) trap.end();
  }

  /** A trap came without some of its descriptors. */
  cutShort({ session }: TrapPacket): void {
    this.#send({ type: 'trap_ended', session });
  }

  /** The supervisor has carried out an order for a sandbox. */
  orderDone({ session, id, result }: SupervisorLine & { readonly type: 'order_done' }): void {
    for (const trap of this.#open) if (trap.number === session) trap.orderDone(id, result);
  }

  /** Writes what was gathered of a plugin's refused look-ups. */
  tellRefusals(plugin: string): void {
    for (const trap of this.#open) if (trap.plugin.name === plugin) trap.tellRefusals();
  }

  /** Ends the traps of a plugin, or all. */
  end(plugin?: Plugin): void {
    for (const trap of this.#open) if (plugin === undefined || trap.plugin === plugin) trap.end();
  }

  /** Whether calls wait for something other than the answer to a question. */
  get isBusy(): boolean {
    return [...this.#open].some((trap) => trap.isBusy);
  }

  /** Looks at no connect and answers no look-up any more. @returns what each sandbox's DNS gave, for the next broker */
  giveUp(): ReadonlyMap<number, readonly GivenName[]> {
    return new Map([...this.#open].map((trap) => [trap.number, trap.giveUp()]));
  }

  /** Lets the next broker serve the calls that wait. This broker must do nothing more for them. */
  leaveCalls(): void {
    for (const trap of this.#open) trap.leaveCalls();
  }
}
