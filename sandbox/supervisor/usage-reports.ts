// What each plugin uses now: of the network as the broker counts it, of memory and processor as the kernel does. Runs in the supervisor. However many
// ask, a report is made once.

import type { PluginUsage } from '../../shared/protocol/open-connections.js';
import type { BrokerProcess } from './broker/broker-process.js';
import type { Cgroups } from './cgroup/cgroups.js';
import type { CgroupUse } from './cgroup/sandbox-cgroup.js';
import type { PluginRuns } from './plugin-runs.js';
import type { Records } from './record/records.js';
import { type SandboxUse, useOfProcesses } from './usage/sandbox-use.js';

/** How long the sandboxes of all plugins are read for one report, and how long a report serves further askers. */
const USAGE_MS = 250;
const USAGE_FRESH_MS = 200;

export interface UsageReport {
  /** When the counts were read, in milliseconds of a clock that is never set. */
  readonly atMs: number;
  /** By the names of the plugins. Empty while there is no broker. */
  readonly network: ReadonlyMap<string, PluginUsage>;
  /** Of those that run, as far as there was time. */
  readonly sandboxes: ReadonlyMap<string, SandboxUse>;
}

export class UsageReports {
  readonly #broker: () => Pick<BrokerProcess, 'usage'> | undefined;
  readonly #runs: Pick<PluginRuns, 'pids'>;
  readonly #cgroups: Pick<Cgroups, 'use'>;
  readonly #records: Pick<Records, 'requestsRefused'>;
  #last: Promise<UsageReport> | undefined;
  /** The plugin at which the last report had no time left. */
  #next: string | undefined;

  constructor(
    broker: () => Pick<BrokerProcess, 'usage'> | undefined,
    runs: Pick<PluginRuns, 'pids'>,
    cgroups: Pick<Cgroups, 'use'>,
    records: Pick<Records, 'requestsRefused'>,
  ) {
    this.#broker = broker;
    this.#runs = runs;
    this.#cgroups = cgroups;
    this.#records = records;
  }

  take(): Promise<UsageReport> {
    this.#last ??= this.#make().finally(() =>
      setTimeout(() => {
        this.#last = undefined;
      }, USAGE_FRESH_MS).unref(),
    );
    return this.#last;
  }

  async #make(): Promise<UsageReport> {
    const sandboxes = await this.#sandboxes();
    const used = await Promise.resolve(this.#broker()?.usage() ?? []).catch(() => []);
    const network = new Map(
      used.map(({ denials, ...usage }) => [
        usage.plugin,
        { ...usage, denials: denials + this.#records.requestsRefused(usage.plugin) },
      ]),
    );
    return { atMs: Math.round(performance.now()), network, sandboxes };
  }

  async #sandboxes(): Promise<ReadonlyMap<string, SandboxUse>> {
    const end = performance.now() + USAGE_MS;
    const found = new Map<string, SandboxUse>();
    const all = [...this.#runs.pids()];
    const at = Math.max(
      0,
      all.findIndex(([name]) => name === this.#next),
    );
    this.#next = undefined;
    for (const [name, pids] of [...all.slice(at), ...all.slice(0, at)]) {
      if (performance.now() > end) {
        this.#next = name;
        break;
      }
      const group = this.#cgroups.use(name);
      const use = group === undefined ? await useOfProcesses(pids) : inGroup(group);
      if (use !== undefined) found.set(name, use);
    }
    return found;
  }
}

function inGroup(use: CgroupUse): SandboxUse {
  return { ...use, measured: 'cgroup' };
}
