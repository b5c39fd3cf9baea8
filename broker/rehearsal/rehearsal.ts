// A fresh broker rehearses: a thread of its own connects some hundred times to a socket of the broker, by the same trap as plugins do. V8 compiles the
// path meanwhile, so the first connects of plugins are as quick as later ones. Rules, metrics, audit log and register are the rehearsal's own: nobody
// reads them. Runs in the broker, on the main thread.
import type { Worker } from 'node:worker_threads';
import { limitsOf } from '../../shared/config/limit-forms.js';
import {
  CONNECTIONS_MEMORY_BYTES,
  NOTIFIED_CALLS,
  REHEARSAL_MS,
  REHEARSED_CONNECTS,
} from '../../shared/limits.js';
import { endNativeThread } from '../../shared/native-thread.js';
import { compilePolicy } from '../../shared/policy/compile-policy.js';
import { compileFilters } from '../../shared/sys/compile-filters.js';
import { listeningSocket } from '../../shared/sys/datagram.js';
import type { Filter } from '../../shared/sys/filter.js';
import { boundAddress } from '../../shared/sys/listen.js';
import { createMemoryFile } from '../../shared/sys/memory-file.js';
import { OwnedFd } from '../../shared/sys/owned-fd.js';
import { NOTIFICATION_BYTES } from '../../shared/sys/seccomp-notify.js';
import { type Endpoint, encodeSockaddr } from '../../shared/sys/sockaddr.js';
import { tcpSocket } from '../../shared/sys/socket.js';
import { SystemError } from '../../shared/sys/system-error.js';
import { Accounts } from '../accounts/accounts.js';
import { Audit } from '../record/audit.js';
import { Metrics } from '../record/metrics.js';
import { Plugin } from '../request/plugin.js';
import type { Services } from '../request/services.js';
import { startThread } from '../stall/start-thread.js';
import { TrapSession } from '../trap/trap-session.js';

/** A message to the thread. */
export type RehearsalOrder =
  | { readonly kind: 'load'; readonly program: Uint8Array }
  | {
      readonly kind: 'connect';
      /** A listening socket, and its struct sockaddr. */
      readonly server: number;
      readonly address: Uint8Array;
      readonly connects: number;
    };

/** A message from the thread. */
export type RehearsalReport =
  | { readonly kind: 'loaded'; readonly listener: number }
  | { readonly kind: 'done'; readonly connects: number };

const ANY_PORT: Endpoint = { bytes: Uint8Array.of(127, 0, 0, 1), port: 0 };
const BACKLOG = 8;
const NAME = 'rehearsal';
const MEMORY = 'postern-rehearsal';
const CONNECTS: Filter = { otherwise: 'allow', rules: [{ calls: ['connect'], action: 'notify' }] };

/** What the rehearsal would write. */
const NOWHERE = { backlogBytes: 0, sendSoon: (): void => {} };

export class Rehearsal {
  readonly #worker: Worker;
  #trap: TrapSession | undefined;
  #server: OwnedFd | undefined;
  #over: NodeJS.Timeout | undefined;
  #onEnd: (connects: number) => void = () => {};

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  /** Starts the thread. The broker may be unable to read its code once it has taken on other ids. */
  static async prepare(): Promise<Rehearsal> {
    const resourceLimits = { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 };
    const { worker } = await startThread('rehearsal-thread', { resourceLimits });
    return new Rehearsal(worker);
  }

  /**
   * Rehearses between the requests of plugins, for REHEARSAL_MS at most. Where a host does not permit it, the first connects are slower, and nothing
   * else.
   *
   * @returns how many connects there were, when it is over
   */
  begin(services: Services): Promise<number> {
    return new Promise((resolve) => {
      this.#onEnd = resolve;
      this.#over = setTimeout(() => this.#end(0), REHEARSAL_MS).unref();
      this.#worker.on('message', (report: RehearsalReport) => {
        if (report.kind === 'done') this.#end(report.connects);
        else this.#connect(services, new OwnedFd(report.listener));
      });
      this.#worker.on('error', () => this.#end(0));
      this.#worker.unref();
      this.#order({ kind: 'load', program: compileFilters([CONNECTS]) });
    });
  }

  #order(order: RehearsalOrder): void {
    this.#worker.postMessage(order);
  }

  #connect(services: Services, listener: OwnedFd): void {
    const opened = [listener];
    try {
      const server = listeningSocket(ANY_PORT, BACKLOG);
      opened.push(server);
      const address = boundAddress(server.number) ?? ANY_PORT;
      this.#trap = serve(services, listener, address.port, (end) => opened.push(end));
      this.#server = server;
      const connects = REHEARSED_CONNECTS;
      this.#order({ kind: 'connect', server: server.number, address: encodeSockaddr(address), connects });
    } catch {
      // The broker serves on, whatever is missing for a rehearsal: a descriptor, or an address.
      for (const end of opened) end.close();
      this.#end(0);
    }
  }

  #end(connects: number): void {
    clearTimeout(this.#over);
    // A call that still waits fails, since nobody listens any more.
    this.#trap?.end();
    this.#server?.close();
    endNativeThread(this.#worker);
    this.#onEnd(connects);
  }
}

/** @param open called with each descriptor that is opened for it */
function serve(
  services: Services,
  listener: OwnedFd,
  port: number,
  open: (end: OwnedFd) => void,
): TrapSession {
  const own = (end: OwnedFd): OwnedFd => {
    open(end);
    return end;
  };
  const metrics = new Metrics();
  const audit = new Audit(NOWHERE, () => {});
  const plugin = new Plugin(NAME, metrics, audit, services.descriptors.share());
  const compiled = compilePolicy({ allow: [`127.0.0.1:${port}`], deny: [], mode: 'enforce' });
  if (compiled.ok) plugin.configure(compiled.policy, limitsOf({}));
  const accounts = new Accounts(audit);
  accounts.note(plugin, own(createMemoryFile(MEMORY, CONNECTIONS_MEMORY_BYTES)));
  return new TrapSession({
    services: { ...services, metrics, audit },
    plugin,
    number: 0,
    landlockDeniesTcp: false,
    scratch: [],
    otherIds: false,
    servesDns: false,
    resumed: false,
    given: [],
    ends: {
      listener,
      calls: own(createMemoryFile(MEMORY, NOTIFIED_CALLS * NOTIFICATION_BYTES)),
      // Nobody asks, so they are bound to nothing.
      dnsDatagrams: own(freshSocket()),
      dnsListener: own(freshSocket()),
      // No call needs these, and the broker can open no file.
      unixDiag: own(createMemoryFile(MEMORY)),
      root: own(createMemoryFile(MEMORY)),
      notify: undefined,
    },
    onEnd: () => {
      audit.flush();
      plugin.register(undefined);
      accounts.close();
    },
  });
}

function freshSocket(): OwnedFd {
  const socket = tcpSocket(4);
  if (typeof socket === 'number') throw new SystemError('socket', -socket);
  return socket;
}
