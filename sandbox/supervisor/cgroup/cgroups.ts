// The control groups of all sandboxes with a limit that needs one. Runs in the supervisor.

import { existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CgroupLimitWord } from '../../../shared/config/limit-forms.js';
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { PosternError } from '../../../shared/errors.js';
import { type CgroupBites, type CgroupUse, SandboxCgroup } from './sandbox-cgroup.js';
import { CONTROLLERS, processesIn, SUPERVISOR_GROUP, surveyCgroup } from './survey-cgroup.js';

/** Takes how often a limit took effect since the last report; 0 with a plugin's first sandbox. */
type OnBites = (plugin: string, limit: CgroupLimitWord, times: number) => void;

/** Takes what a sandbox uses of memory, and the processor time since the last report. */
type OnUse = (plugin: string, memoryBytes: number, cpuSeconds: number) => void;

interface Told {
  readonly cgroup: SandboxCgroup;
  /** The processor time that was reported. */
  cpuSeconds: number;
  /** What was reported last. Undefined: nothing yet. */
  bites: CgroupBites | undefined;
}

export class Cgroups {
  readonly #onBites: OnBites;
  readonly #onUse: OnUse;
  readonly #running = new Map<string, Told>();
  readonly #removals = new Set<Promise<void>>();
  #base: string | undefined;
  #number = 0;

  constructor(onBites: OnBites, onUse: OnUse = () => {}) {
    this.#onBites = onBites;
    this.#onUse = onUse;
  }

  /** @throws PosternError `no_cgroup` where a plugin needs a control group and none can be made */
  claim(plugins: readonly PluginConfig[]): void {
    for (const { name, limits } of plugins) {
      const key = keyOf(limits);
      if (key !== undefined) this.#base ??= claimCgroup(`${key} of "${name}"`);
    }
  }

  /** Makes the group of a plugin's next sandbox. @returns undefined where no limit needs one */
  make({ name, limits }: PluginConfig): SandboxCgroup | undefined {
    const key = keyOf(limits);
    if (key === undefined) return undefined;
    this.#base ??= claimCgroup(`${key} of "${name}"`);
    this.#number += 1;
    const cgroup = new SandboxCgroup(join(this.#base, groupName(name, this.#number)), limits);
    this.#running.set(name, { cgroup, cpuSeconds: 0, bites: undefined });
    this.tell();
    return cgroup;
  }

  /** What the sandbox of a plugin uses. @returns undefined if it has no group */
  use(plugin: string): CgroupUse | undefined {
    return this.#running.get(plugin)?.cgroup.use();
  }

  /** Reports the limits that took effect meanwhile, and what the sandboxes use. */
  tell(): void {
    for (const [plugin, running] of this.#running) {
      const bites = running.cgroup.bites();
      for (const [limit, times] of Object.entries(bites) as [CgroupLimitWord, number][]) {
        this.#onBites(plugin, limit, Math.max(0, times - (running.bites?.[limit] ?? 0)));
      }
      running.bites = bites;
      const use = running.cgroup.use();
      if (use === undefined) continue;
      this.#onUse(plugin, use.memoryBytes, Math.max(0, use.cpuSeconds - running.cpuSeconds));
      running.cpuSeconds = use.cpuSeconds;
    }
  }

  /** Call it when the sandbox has ended. @returns whether the kernel killed it for using too much memory */
  end(plugin: string): boolean {
    const told = this.#running.get(plugin);
    if (told === undefined) return false;
    this.tell();
    this.#onUse(plugin, 0, 0);
    this.#running.delete(plugin);
    const { ranOutOfMemory } = told.cgroup;
    const removal = told.cgroup.remove().then(() => void this.#removals.delete(removal));
    this.#removals.add(removal);
    return ranOutOfMemory;
  }

  /** Resolves when the groups of all ended sandboxes are removed, or could not be removed in time. */
  async removed(): Promise<void> {
    await Promise.all(this.#removals);
  }
}

function keyOf({ totalMemoryMib, cpuPercent }: PluginConfig['limits']): string | undefined {
  if (totalMemoryMib !== undefined) return 'total_memory_mib';
  return cpuPercent === undefined ? undefined : 'cpu_percent';
}

// Prepares this process's control group, so that sandboxes can have groups below it. Runs in the supervisor, before anything starts.

const GROUP_NAME = /^postern-(\d+)-\d+-/;

/**
 * @param what the limit that needs a group, for the error
 * @returns the folder in which groups can be made
 * @throws PosternError `no_cgroup` where no group is delegated: nothing is started without its limit
 */
function claimCgroup(what: string): string {
  const { base, why } = surveyCgroup();
  if (base === undefined) throw noCgroup(what, why ?? '');
  try {
    enable(base);
  } catch (error) {
    throw noCgroup(what, (error as Error).message);
  }
  removeStale(base);
  return base;
}

/** The name of a sandbox's group tells a later supervisor whether it is in use. */
function groupName(plugin: string, number: number): string {
  return `postern-${process.pid}-${number}-${plugin}`;
}

/** Except at the root, a group with processes gives no controllers to groups below it: so the processes move to a separate group. */
function enable(base: string): void {
  const wanted = CONTROLLERS.map((controller) => `+${controller}`).join(' ');
  if (existsSync(join(base, 'cgroup.type'))) {
    const leaf = join(base, SUPERVISOR_GROUP);
    for (const pid of processesIn(base)) {
      mkdirSync(leaf, { recursive: true });
      writeFileSync(join(leaf, 'cgroup.procs'), pid);
    }
  }
  writeFileSync(join(base, 'cgroup.subtree_control'), wanted);
}

/** Removes the groups that a killed supervisor left. Its sandboxes ended with it. */
function removeStale(base: string): void {
  for (const name of readdirSync(base)) {
    const pid = GROUP_NAME.exec(name)?.[1];
    if (pid === undefined || (pid !== String(process.pid) && existsSync(`/proc/${pid}`))) continue;
    try {
      rmdirSync(join(base, name));
    } catch {
      // The group has processes that are still ending.
    }
  }
}

function noCgroup(what: string, why: string): PosternError {
  const scope = process.geteuid?.() === 0 ? 'systemd-run --scope' : 'systemd-run --user --scope';
  return new PosternError('no_cgroup', `Cannot limit ${what} without a control group: ${why}`, {
    fix: `start postern in a delegated one, ${scope} -p Delegate=yes postern …, or remove the limit`,
  });
}
