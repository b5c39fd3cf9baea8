// The plugins that a supervisor keeps, checked together. Runs in the supervisor.
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { PosternError } from '../../shared/errors.js';
import { type BrokerProcess, SharedLock } from './broker/broker-process.js';
import type { PluginLine } from './broker/configure-plugin.js';
import type { Cgroups } from './cgroup/cgroups.js';
import { hostFiles } from './files/host-files.js';
import { refusal } from './files/path-problems.js';
import type { Written } from './files/plugin-links.js';
import type { PluginChange } from './fleet/reload.js';
import type { Listeners } from './listeners/listeners.js';
import { lineOf, withGateways, withRule } from './plugin-line.js';
import type { LiveRun } from './plugin-runs.js';
import type { Records } from './record/records.js';
import { requireStartable, type Startable } from './require-startable.js';
import { type OwnOptions, ownFilesOf, seenHomes } from './start-problems.js';
import type { SupervisorOptions } from './supervisor-options.js';

export class PluginList {
  readonly parked: ParkedPlugins = new ParkedPlugins();
  readonly #options: OwnOptions & Pick<SupervisorOptions, 'beyondPolicy'>;
  #ownFiles: readonly string[];
  readonly #cgroups: Pick<Cgroups, 'claim'>;
  readonly #live: () => readonly LiveRun[];
  #all: readonly PluginConfig[];
  #startable: Startable | undefined;
  #written: readonly Written[] = [];
  readonly #changes = new SharedLock();

  /** @param live the runs that have not ended */
  constructor(options: SupervisorOptions, cgroups: Pick<Cgroups, 'claim'>, live: () => readonly LiveRun[]) {
    this.#options = options;
    this.#ownFiles = options.ownFiles ?? [];
    this.#cgroups = cgroups;
    this.#live = live;
    this.#all = options.plugins;
  }

  get all(): readonly PluginConfig[] {
    return this.#all;
  }

  /** The configuration of a plugin, which may be another one than that of its last start. */
  inForce(config: PluginConfig): PluginConfig {
    return this.#all.find(({ name }) => name === config.name) ?? config;
  }

  /** All that write something now: a run that is about to end writes as it was started. */
  get writers(): readonly PluginConfig[] {
    return [
      ...this.#all,
      /* protects: G20 ask: a run that is about to end still counts as a writer */ ...this.#live().map(
        ({ config }) => config,
      ),
    ];
  }

  /** What they may write, and what plugins could write before a change. */
  get written(): readonly Written[] {
    return this.#written;
  }

  /** What a start needs to know of all of them; undefined before the first check. */
  get startable(): Startable | undefined {
    return this.#startable;
  }

  /** Checks the first plugins. @throws PosternError as {@link requireStartable} does, `no_cgroup` */
  check(): Startable {
    this.#startable = this.#require(this.#all);
    return this.#startable;
  }

  /**
   * Puts other plugins in their place.
   *
   * @throws PosternError as {@link check} and {@link changePlugins} do, with the former plugins in force
   */
  change(parts: PluginParts, plugins: readonly PluginConfig[], change: PluginChange): Promise<void> {
    return this.#changes.alone(() => this.#change(parts, plugins, change));
  }

  /** @throws PosternError `bad_rules` for an allow rule past the signed policy, or as {@link check} does for one with which nothing would start */
  requireRule(name: string, rule: string): void {
    const plugin = this.#all.find((one) => one.name === name);
    if (plugin === undefined) return;
    const next = withRule(plugin, rule, this.#written);
    const beyond = this.#options.beyondPolicy?.(next);
    // protects: G24 policy: no rule that is added goes beyond it
    if (beyond !== undefined)
      throw new PosternError('bad_rules', beyond, { fix: 'have the signed policy allow it' });
    // protects: G7 a rule with which nothing would start is not added
    this.#look(this.#all.map((one) => (one === plugin ? next : one)));
  }

  /** Adds an allow rule that was approved. @returns when it is in force @throws PosternError `broker_failed` */
  allow(broker: Pick<BrokerProcess, 'setRules'>, name: string, rule: string): Promise<void> {
    return this.#changes.alone(async () => {
      const plugin = this.#all.find((one) => one.name === name);
      if (plugin === undefined || plugin.allow.includes(rule)) return;
      const next = withRule(plugin, rule, this.#written);
      await broker.setRules(lineOf(next, this.#written));
      this.#all = this.#all.map((one) => (one === plugin ? next : one));
    });
  }

  async #change(
    parts: PluginParts,
    plugins: readonly PluginConfig[],
    { ownFiles = this.#ownFiles, restarted = [], endOthers = async () => {} }: PluginChange,
  ): Promise<void> {
    const leaving = this.#all.filter(({ name }) => !plugins.some((plugin) => plugin.name === name));
    const ending = [...leaving, ...this.#all.filter(({ name }) => restarted.includes(name))];
    const former = this.#startable;
    // A plugin that starts from here on finds in its sandbox what is new.
    this.#startable = this.#require(plugins, ownFiles, ending);
    try {
      const gatewaysToo = withGateways(this.#all.filter(({ name }) => restarted.includes(name)));
      await changePlugins(
        { ...parts, written: this.#written },
        withGateways(this.#all),
        withGateways(plugins),
        gatewaysToo.map(({ name }) => name),
        endOthers,
      );
    } catch (error) {
      this.#startable = former;
      throw error;
    }
    for (const { name } of leaving) this.parked.forget(name);
    this.#all = plugins;
    this.#ownFiles = ownFiles;
  }

  /**
   * Looks at the home of a plugin that starts: where it is gone, the start makes it anew.
   *
   * @throws PosternError `path_not_apart` if another plugin runs that would see the new one
   */
  requireHome({ name, home }: PluginConfig): void {
    if (this.#startable === undefined) return;
    const [problem] = seenHomes([{ name, home }], this.#live(), this.#startable.keptHomes);
    // protects: G14 home: one that is made anew shows in no sandbox that runs
    if (problem !== undefined) throw refusal(problem);
  }

  #require(
    plugins: readonly PluginConfig[],
    ownFiles: readonly string[] = this.#ownFiles,
    ending: readonly PluginConfig[] = [],
  ): Startable {
    const startable = this.#look(plugins, ownFiles, ending);
    this.#cgroups.claim(plugins);
    this.#written = [
      ...startable.written,
      /* protects: G14 what a plugin left in a folder that it could write before a reload is not followed */ ...formerOf(
        this.#written,
        startable.written,
      ),
    ];
    return { ...startable, written: this.#written };
  }

  /** Changes nothing. @throws PosternError as {@link requireStartable} does */
  #look(
    plugins: readonly PluginConfig[],
    ownFiles: readonly string[] = this.#ownFiles,
    ending: readonly PluginConfig[] = [],
  ): Startable {
    const { read: files = [] } = ownFilesOf({ ...this.#options, ownFiles: this.#ownFiles }, this.#all);
    const homes = this.#startable?.keptHomes ?? [];
    const runs = { live: this.#live(), ending, files, homes, written: this.#written };
    return requireStartable(plugins, { ...this.#options, ownFiles }, runs);
  }
}

/** Each folder once. One that is gone holds nothing any more: an application may give each of many plugins a new folder. */
function formerOf(before: readonly Written[], now: readonly Written[]): readonly Written[] {
  const former = new Map(before.map((one) => [one.real, { ...one, isFormer: true }]));
  for (const { real } of now) former.delete(real);
  return [...former.values()].filter(({ real }) => hostFiles.kind(real) !== 'absent');
}

// Puts one list of plugins in place of another while the supervisor runs: rules, listeners and metrics.

/** What keeps something of each plugin. */
export interface PluginParts {
  readonly broker: Pick<BrokerProcess, 'setRules' | 'removePlugin'>;
  readonly listeners: Pick<Listeners, 'prepare' | 'close'>;
  readonly records: Pick<Records, 'addPlugin' | 'removePlugin'>;
}

/**
 * What can fail for the host's reasons comes first: credentials are read, and new listeners bound. Then come the rules, and only then the plugins
 * end that are left out or restarted. After a failure the parts are as before.
 *
 * A run that ends gets nothing new: its sandbox was made for the former rules. What is withdrawn, it loses at once.
 *
 * @param restarted names of those that stay, and are started anew afterwards
 * @param endOthers ends these, and those that are left out. From there on only the end of the supervisor makes anything fail
 * @throws PosternError `bad_via`, `path_not_apart`, `listen_address`, `bad_rules`, `broker_failed`
 */
export async function changePlugins(
  parts: PluginParts & Pick<PluginList, 'written'>,
  before: readonly PluginConfig[],
  after: readonly PluginConfig[],
  restarted: readonly string[],
  endOthers: () => Promise<void>,
): Promise<void> {
  const former = new Map(before.map((plugin) => [plugin.name, plugin]));
  const added = after.filter(({ name }) => !former.has(name));
  const leaving = before.flatMap(({ name }) => (after.some((plugin) => plugin.name === name) ? [] : name));
  const rebound = after.filter((plugin) => {
    const old = former.get(plugin.name);
    return old === undefined || listenersOf(old) !== listenersOf(plugin);
  });
  const linesOf = (plugins: readonly PluginConfig[]): ReadonlyMap<string, PluginLine> =>
    new Map(plugins.map((plugin) => [plugin.name, lineOf(plugin, parts.written)]));
  const [oldLines, newLines] = [linesOf(before), linesOf(after)];
  const ruled = after.filter(
    ({ name }) => JSON.stringify(oldLines.get(name)) !== JSON.stringify(newLines.get(name)),
  );
  // Those of a plugin that has ended are closed, and stay so.
  const listeners = parts.listeners.prepare(rebound, leaving);
  for (const { name } of added) parts.records.addPlugin(name);
  const setRules = async (lines: ReadonlyMap<string, PluginLine>, name: string): Promise<void> => {
    const line = lines.get(name);
    if (line !== undefined) await parts.broker.setRules(line);
  };
  const narrowedLines = new Map(
    [...newLines].map(([name, line]) => {
      const old = restarted.includes(name) ? oldLines.get(name) : undefined;
      // protects: G7 a run that ends for a reload gets no new rule => return [name, line];
      return [name, old === undefined ? line : narrowed(old, line)];
    }),
  );
  try {
    for (const { name } of ruled) await setRules(narrowedLines, name);
  } catch (error) {
    listeners.close();
    for (const { name } of added) forget(parts, name);
    // The broker may be why the change failed. Every further one gets the former rules, too.
    for (const { name } of ruled) await setRules(oldLines, name).catch(() => {});
    throw error;
  }
  await endOthers();
  for (const { name } of ruled) if (restarted.includes(name)) await setRules(newLines, name);
  for (const name of leaving) forget(parts, name);
  listeners.putInForce();
}

/** The former rules, without what the new ones withdraw. */
function narrowed(former: PluginLine, next: PluginLine): PluginLine {
  return {
    ...former,
    allow: former.allow.filter((rule) => next.allow.includes(rule)),
    deny: [...new Set([...former.deny, ...next.deny])],
    mode: next.mode === 'enforce' ? next.mode : former.mode,
  };
}

function listenersOf({ listen }: PluginConfig): string {
  return JSON.stringify(listen.map(({ name, address }) => [name, address]));
}

function forget({ broker, listeners, records }: PluginParts, name: string): void {
  broker.removePlugin(name);
  listeners.close(name);
  records.removePlugin(name);
}

// The plugins that are not started again, since brokers died of their requests or were held up: every plugin would go on waiting for a new broker. Runs in the
// supervisor.

class ParkedPlugins {
  readonly #names = new Set<string>();

  add(plugin: string): void {
    this.#names.add(plugin);
  }

  /** The plugin is gone. A later one with its name is another. */
  forget(plugin: string): void {
    this.#names.delete(plugin);
  }

  /** @throws PosternError `plugin_parked` if the plugin is one */
  refuse(plugin: string): void {
    if (!this.#names.has(plugin)) return;
    throw new PosternError('plugin_parked', `"${plugin}" is parked: it killed the broker, or held it up`, {
      fix: 'report its program as a defect of postern; it is started again with the supervisor',
    });
  }
}
