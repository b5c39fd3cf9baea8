// The registers of all plugins, and the kernel's reports for them. Runs in the broker.
import type { PluginMetrics } from '../../shared/metrics/plugin-metrics.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { Audit } from '../record/audit.js';
import type { METRICS } from '../record/broker-metrics.js';
import { ConnectionRegister } from './connection-register.js';
import type { EndedConnection, Register } from './register.js';
import type { Counted } from './slot-memory.js';
import { SocketEnds } from './socket-ends.js';

/** A plugin whose connections are noted. */
interface Owner extends LedgerPlugin {
  readonly connections: Register | undefined;
  register(connections: Register | undefined): void;
  /** Decides again on its open connections. */
  revokeConnections(): void;
  /** See Plugin. */
  watchLimits(): void;
}

export class Ledger {
  readonly #audit: Audit;
  #ends: SocketEnds | undefined;

  constructor(audit: Audit) {
    this.#audit = audit;
  }

  /** Notes a plugin's open connections from now on. @param memory see ConnectionRegister; it is closed here */
  note(plugin: Owner, memory: OwnedFd): void {
    plugin.register(
      new ConnectionRegister(memory, this.#socketEnds(), {
        held: () => plugin.watchLimits(),
        carried: (more) => countCarried(plugin, more),
        owe: () => this.#audit.owe(),
        ended: (ended) => accountEnded(this.#audit, plugin, ended),
      }),
    );
    memory.close();
    // Its rules may have changed while no broker ran. The holders are known a little later.
    setImmediate(() => {
      // protects: G7 revoke: a further broker decides again
      plugin.revokeConnections();
      // protects: G22 age: a further broker goes on
      plugin.watchLimits();
    });
  }

  /** @param reports of ended sockets, owned from here on */
  begin(reports: OwnedFd): void {
    this.#socketEnds().begin(reports);
  }

  /** Takes what the kernel has reported, before metrics are read. */
  update(): void {
    this.#ends?.take();
  }

  /** This broker ends. Accounts for what has ended, and for what no process holds any more. */
  end(plugins: Iterable<Owner>): void {
    this.#ends?.takeLast();
    for (const { connections } of plugins) connections?.reportLast();
  }

  #socketEnds(): SocketEnds {
    // A record that waits describes a connection that may have ended.
    this.#ends ??= new SocketEnds(() => this.#audit.flush());
    return this.#ends;
  }
}

// Counts what connections carry, and those that have ended, and writes their audit events.

/** A plugin that has connections. */
interface LedgerPlugin {
  readonly name: string;
  readonly metrics: Pick<PluginMetrics<typeof METRICS>, 'count' | 'observe'>;
}

function countCarried({ metrics }: LedgerPlugin, { sentBytes, receivedBytes, retransmits }: Counted): void {
  metrics.count('sentBytes', {}, sentBytes);
  metrics.count('receivedBytes', {}, receivedBytes);
  metrics.count('retransmits', {}, retransmits);
}

function accountEnded(
  audit: Pick<Audit, 'closed'>,
  { name, metrics }: LedgerPlugin,
  { durationMs, description, account, cause }: EndedConnection,
): void {
  metrics.observe('connectionDuration', {}, durationMs / 1_000);
  if (cause !== undefined) metrics.count('connectionsEnded', { cause });
  audit.closed(name, () => ({
    decision_id: description?.decision_id ?? null,
    plugin: name,
    pid: description?.pid ?? null,
    program: description?.program ?? null,
    door: description?.door ?? null,
    host: description?.host ?? null,
    port: description?.port ?? null,
    dialed: description?.dialed ?? null,
    duration_ms: Math.round(durationMs * 1_000) / 1_000,
    sent_bytes: account?.sentBytes ?? null,
    received_bytes: account?.receivedBytes ?? null,
    rtt_ms: account?.rttMs ?? null,
    retransmits: account?.retransmits ?? null,
    ended_by: cause ?? (account === undefined ? 'unknown' : 'closed'),
  }));
}
