// The control socket of a supervisor, and what it remembers for the operator. The socket is there before any plugin is, so that it can be
// hidden from all of them. Runs in the supervisor.
import type { AuditEvent } from '../../shared/protocol/audit-events.js';
import { ControlServer } from '../supervisor/control/control-server.js';
import type { ControlSocket } from '../supervisor/control/control-socket.js';
import { Denials } from '../supervisor/control/denials.js';
import { RecentEvents, RuleHits } from '../supervisor/control/recent-events.js';
import { type ControlParts, controlTarget } from '../supervisor/control-target.js';
import { Learners } from '../supervisor/learn/learner.js';

/** What an operator sees and steers. */
export interface ControlView extends Omit<ControlParts, 'denials' | 'events' | 'hits' | 'learners'> {
  /** Whether a plugin has that name. */
  readonly knows: (plugin: string) => boolean;
}

export class OperatorControl {
  readonly #socket: ControlSocket;
  readonly #denials = new Denials((plugin) => this.#knows(plugin));
  readonly #events = new RecentEvents();
  readonly #hits = new RuleHits();
  readonly #learners = new Learners();
  #knows: (plugin: string) => boolean = () => false;
  #server: ControlServer | undefined;
  #closed: Promise<void> | undefined;

  /** @param socket owned from here on. A client that comes before {@link serve} waits in its queue */
  constructor(socket: ControlSocket) {
    this.#socket = socket;
  }

  get path(): string {
    return this.#socket.path;
  }

  /** An audit event: it is remembered, and who watches or learns sees it. */
  take(event: AuditEvent): void {
    this.#denials.take(event);
    this.#events.take(event);
    this.#hits.take(event);
    this.#learners.take(event);
  }

  serve({ knows, ...parts }: ControlView): void {
    this.#knows = knows;
    const kept = {
      denials: this.#denials,
      events: this.#events,
      hits: this.#hits,
      learners: this.#learners,
    };
    this.#server = new ControlServer(this.#socket, controlTarget({ ...parts, ...kept }));
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#server?.close();
    this.#socket.close();
  }
}
