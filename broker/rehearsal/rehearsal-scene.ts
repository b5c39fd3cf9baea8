// What a rehearsal is served with: a trap as a sandbox has it, and a socket to connect to. Rules, metrics, audit log and register are its own: nobody reads
// them. Runs in the broker, on the main thread.
import { limitsOf } from '../../shared/config/limit-forms.js';
import { CONNECTIONS_MEMORY_BYTES, NOTIFIED_CALLS } from '../../shared/limits.js';
import { compilePolicy } from '../../shared/policy/compile-policy.js';
import { listeningSocket } from '../../shared/sys/datagram.js';
import { SystemError } from '../../shared/sys/libc.js';
import { createMemoryFile } from '../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { NOTIFICATION_BYTES } from '../../shared/sys/seccomp-notify.js';
import type { Endpoint } from '../../shared/sys/sockaddr.js';
import { boundAddress, tcpSocket } from '../../shared/sys/socket.js';
import { Accounts } from '../accounts/accounts.js';
import { Audit } from '../record/audit.js';
import { Metrics } from '../record/metrics.js';
import { Plugin, type Services } from '../request/plugin.js';
import { TrapSession } from '../trap/trap-session.js';

const LOOPBACK: Endpoint = { bytes: Uint8Array.of(127, 0, 0, 1), port: 0 };
/** Others may connect too. */
const BACKLOG = 128;
const NAME = 'rehearsal';
const MEMORY = 'postern-rehearsal';
/** What the rehearsal would write. */
const NOWHERE = { backlogBytes: 0, sendSoon: (): void => {} };

export class RehearsalScene {
  readonly server: OwnedFd;
  readonly address: Endpoint;
  #trap: TrapSession | undefined;
  /** What ends its parts, the last one first. */
  readonly #ends: (() => void)[] = [];

  /**
   * @param listener of the thread, owned from here on
   * @param onSlow called if a step of it took so long that the slow lane would serve it
   * @throws SystemError where no descriptor is left, or there is no loopback
   */
  constructor(services: Services, listener: OwnedFd, onSlow: () => void) {
    this.#own(listener);
    try {
      this.server = this.#own(listeningSocket(LOOPBACK, BACKLOG));
      this.address = boundAddress(this.server.number) ?? LOOPBACK;
      this.#serve(services, listener, onSlow);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** A call that waits fails, since nobody listens for calls any more. The server stays until {@link close}. */
  stopServing(): void {
    this.#trap?.end();
  }

  /** After the thread is done: it has the number of the server. */
  close(): void {
    for (const end of this.#ends.splice(0)) end();
  }

  #serve(services: Services, listener: OwnedFd, onSlow: () => void): void {
    const metrics = new Metrics();
    const audit = new Audit(NOWHERE, () => {});
    const plugin = new Plugin(NAME, metrics, audit, services.descriptors.share());
    const compiled = compilePolicy({ allow: [`127.0.0.1:${this.address.port}`], deny: [], mode: 'enforce' });
    if (compiled.ok) plugin.configure(compiled.policy, limitsOf({}));
    const accounts = new Accounts(audit);
    this.#ends.unshift(() => {
      audit.flush();
      plugin.register(undefined);
      accounts.close();
    });
    accounts.note(plugin, this.#own(createMemoryFile(MEMORY, CONNECTIONS_MEMORY_BYTES)));
    const ends = {
      listener,
      calls: this.#own(createMemoryFile(MEMORY, NOTIFIED_CALLS * NOTIFICATION_BYTES)),
      // Nobody asks, so they are bound to nothing.
      dnsDatagrams: this.#own(freshSocket()),
      dnsListener: this.#own(freshSocket()),
      // No call needs these, and the broker can open no file.
      unixDiag: this.#own(createMemoryFile(MEMORY, 0)),
      root: this.#own(createMemoryFile(MEMORY, 0)),
      notify: undefined,
    };
    const trap = new TrapSession({
      services: { ...services, metrics, audit, slowLane: noLane(onSlow) },
      plugin,
      number: 0,
      landlockDeniesTcp: false,
      scratch: [],
      otherIds: false,
      servesDns: false,
      resumed: false,
      given: [],
      ends,
      onEnd: () => {},
    });
    this.#trap = trap;
    this.#ends.unshift(() => trap.end());
  }

  #own(descriptor: OwnedFd): OwnedFd {
    this.#ends.unshift(() => descriptor.close());
    return descriptor;
  }
}

function freshSocket(): OwnedFd {
  const socket = tcpSocket(4);
  if (typeof socket === 'number') throw new SystemError('socket', -socket);
  return socket;
}

/**
 * The slow lane keeps handles of callers, and this caller's process is the broker: before Linux 6.9 such a handle could later stand for a thread of a
 * plugin with the same id.
 */
function noLane(onSlow: () => void): Services['slowLane'] {
  const refuse = (): Promise<never> => {
    onSlow();
    return new Promise(() => {});
  };
  return { reach: refuse, copyPath: refuse, place: refuse, install: refuse, connect: refuse, close: refuse };
}
