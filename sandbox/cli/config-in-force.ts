// The configuration that `up` runs, and its reload: the file is read again, checked whole, and put in force. A file with a mistake changes nothing.

import { statSync } from 'node:fs';
import { ConfigError } from '../../shared/config/config-problem.js';
import type { Config } from '../../shared/config/load-config.js';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import type { SignedPolicy } from '../../shared/config/policy-config.js';
import type { PolicySource } from '../../shared/policy/policy.js';
import { quote } from '../../shared/policy/quote.js';
import { processesInAll } from '../host/privileges.js';
import type { Fleet, FleetPlugin } from '../supervisor/fleet/fleet.js';
import { type ReloadPlan, reload } from '../supervisor/fleet/reload.js';
import { type Beyond, NOTHING_ALLOWED, narrow } from '../supervisor/policy/boundary.js';
import type { Supervisor } from '../supervisor/supervisor.js';
import { configFile } from './default-config.js';
import { describeChange } from './diff.js';
import { filesRead, loadChecked } from './load-checked.js';
import { describeError } from './say.js';
import { describeWarning, loopbackWarnings, processWarnings } from './warnings.js';

/** How often a watched configuration is looked at. */
const CONFIG_LOOK_MS = 1_000;
/** Of what a policy leaves out. `status` has all. */
const MOST_BEYOND_LINES = 20;

interface InForce {
  /** The file of the command line, if it names one. */
  readonly named: string | undefined;
  readonly path: string;
  readonly config: Config;
  /** What is in force of it at the start. */
  readonly bounded: Bounded;
  /** Resolves when there is a signed policy, if the file names one. */
  readonly policy: Promise<void> | undefined;
  readonly supervisor: Supervisor;
  readonly fleet: Fleet;
  readonly say: (text: string | readonly string[], level?: 'info' | 'warning') => void;
}

/** The plugins of a file as its signed policy bounds them. */
export interface Bounded {
  readonly plugins: readonly FleetPlugin[];
  /** What is not in force. */
  readonly beyond: readonly Beyond[];
  /** Undefined: the file names none, or none is there yet. */
  readonly policy: SignedPolicy | undefined;
}

/** Others have their turn after each plugin: a comparison takes a while. @param policy the one in force */
export async function bound(
  { plugins, policy: source }: Config,
  policy: SignedPolicy | undefined,
): Promise<Bounded> {
  const all = plugins.map(({ config, after }) => ({ config, after }));
  if (source === undefined) return { plugins: all, beyond: [], policy: undefined };
  // protects: G24 policy: without one nothing is allowed => const boundary: PolicySource | undefined = policy;
  const boundary: PolicySource | undefined = policy ?? NOTHING_ALLOWED;
  if (boundary === undefined) return { plugins: all, beyond: [], policy };
  const bounded: (FleetPlugin & { readonly beyond: readonly Beyond[] })[] = [];
  for (const { config, after } of all) {
    await new Promise(setImmediate);
    bounded.push({ ...narrow(config, boundary), after });
  }
  return {
    plugins: bounded.map(({ config, after }) => ({ config, after })),
    beyond: policy === undefined ? [] : bounded.flatMap(({ beyond }) => beyond),
    policy,
  };
}

/** What a reload has changed. */
export interface Reloaded extends ReloadPlan {
  /** What it opens and closes, in lines for a person. */
  readonly destinations: readonly string[];
}

export class ConfigInForce {
  readonly #given: InForce;
  #config: Config;
  #bounded: Bounded;
  #isStarted = false;
  #problem: string | null = null;
  /** Reloads run one after the other. */
  #last: Promise<unknown> = Promise.resolve();
  #unwatch: () => void = () => {};
  #closed = false;

  constructor(given: InForce) {
    this.#given = given;
    this.#config = given.config;
    this.#bounded = given.bounded;
  }

  get config(): Config {
    return this.#config;
  }

  /** Why the last reload failed; null if it did not. */
  get problem(): string | null {
    return this.#problem;
  }

  /** What the signed policy does not allow of the file. */
  get beyond(): readonly Beyond[] {
    return this.#bounded.beyond;
  }

  /** Starts the plugins, with the rules that are in force. */
  start(): void {
    this.#isStarted = true;
    this.#given.fleet.add(this.#bounded.plugins, 'boot');
  }

  /** Says what in the file deserves a look. */
  warn(): void {
    for (const warning of [
      ...loopbackWarnings(this.#config),
      ...processWarnings(this.#config, processesInAll()),
    ])
      this.#given.say(`warning: ${describeWarning(warning)}`);
  }

  /**
   * @returns what changed
   * @throws ConfigError, PosternError as Supervisor.setPlugins does. Then the former configuration stays in force
   */
  async reload(): Promise<Reloaded> {
    await this.#given.policy;
    return this.#inTurn(() => this.#reload());
  }

  /**
   * Bounds the rules of all plugins by another signed policy.
   *
   * @throws PosternError as Supervisor.setPlugins does. Then the former one stays in force
   */
  takePolicy(policy: SignedPolicy): Promise<void> {
    return this.#inTurn(async () => {
      await this.#put(this.#config, await bound(this.#config, policy));
      this.warnBeyond();
    });
  }

  /** Why a plugin may not have these rules; undefined: it may. */
  beyondOf(next: PluginConfig): string | undefined {
    if (this.#config.policy === undefined) return undefined;
    const [first] = narrow(next, this.#bounded.policy ?? NOTHING_ALLOWED).beyond;
    return first && `${quote(first.what)} goes beyond the signed policy: it allows ${quote(first.example)}`;
  }

  /** Says what the signed policy keeps from being in force. */
  warnBeyond(): void {
    const { beyond, policy } = this.#bounded;
    this.#given.supervisor.policyInForce(policy?.serial, beyond);
    const lines = beyond.map(
      ({ plugin, what, example }) =>
        `${plugin}: ${quote(what)} goes beyond the signed policy and is not in force: it allows ${quote(example)}`,
    );
    const more = lines.length > MOST_BEYOND_LINES ? [`and ${lines.length - MOST_BEYOND_LINES} more`] : [];
    this.#given.say([...lines.slice(0, MOST_BEYOND_LINES), ...more], 'warning');
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  /** Reloads, and says what came of it. */
  async tryReload(): Promise<void> {
    const { say, path } = this.#given;
    try {
      const reloaded = await this.reload();
      say([describeReload(path, reloaded), ...reloaded.destinations]);
    } catch (error) {
      if (this.#closed) return;
      say(
        [...describeError(error), `"${path}" is not put in force: the former configuration stays`],
        'warning',
      );
    }
  }

  /** Reloads whenever a file of the configuration changes, if it says so. @param known how the files looked when they were read */
  watch(known: string = looksOf(this.#config.files)): void {
    this.#unwatch();
    if (this.#closed || !this.#config.watch) return;
    this.#unwatch = watchFiles(this.#config.files, known, () => void this.tryReload());
  }

  close(): void {
    this.#closed = true;
    this.#unwatch();
  }

  async #put(config: Config, bounded: Bounded): Promise<ReloadPlan> {
    const { supervisor, fleet } = this.#given;
    const [before, after] = [this.#bounded.plugins, bounded.plugins];
    const ownFiles = filesRead(config);
    const nothing: ReloadPlan = { added: [], removed: [], restarted: [], changed: [] };
    // Before, the fleet has no plugins.
    const plan = this.#isStarted
      ? await reload({ supervisor, fleet, before, after, ownFiles })
      : await supervisor
          .setPlugins(
            after.map((one) => one.config),
            { ownFiles },
          )
          .then(() => nothing);
    this.#bounded = bounded;
    return plan;
  }

  async #reload(): Promise<Reloaded> {
    const { named, supervisor, say } = this.#given;
    const former = this.#config;
    const before = this.#bounded.plugins.map(({ config }) => config);
    // They may change meanwhile.
    const tried = looksOf(former.files);
    try {
      const next = loadChecked(configFile(named));
      // protects: G24 policy: a reload neither takes it away nor brings one
      if ((next.policy === undefined) !== (former.policy === undefined))
        throw new ConfigError([otherPolicy(next)]);
      // One may change while former runs end.
      const looks = looksOf(next.files);
      const bounded = await bound(next, this.#bounded.policy);
      // protects: G24 policy: a file that goes beyond it is refused at a reload
      if (bounded.beyond.length > 0) throw new ConfigError(beyondProblems(next, bounded));
      const putExport = supervisor.prepareExport(next.export);
      const plan = await this.#put(next, bounded);
      await putExport();
      this.#config = next;
      supervisor.rulesLoaded();
      this.#problem = null;
      for (const line of needsNewStart(former, next)) say(line);
      this.warn();
      this.watch(looks);
      const after = bounded.plugins.map(({ config }) => config);
      const names = [...plan.added, ...plan.removed, ...plan.restarted, ...plan.changed];
      return { ...plan, destinations: await describeChange(before, after, names) };
    } catch (error) {
      const [first = '', ...rest] = describeError(error);
      this.#problem = rest.length === 0 ? first : `${first}, and ${rest.length} more`;
      supervisor.rulesLoaded(this.#problem);
      // What watches the files need not try the same ones again.
      this.watch(tried);
      throw error;
    }
  }
}

/** What watches the policy would go on to say that it is in force. */
function otherPolicy(next: Config): ReturnType<Config['problem']> {
  const what =
    next.policy === undefined ? 'it was there when postern started' : 'it was not there when postern started';
  return next.problem(['policy'], `${what}, and a reload changes nothing of it`, 'start postern again');
}

function beyondProblems(config: Config, { beyond, policy }: Bounded): ReturnType<Config['problem']>[] {
  return beyond.map(({ plugin, what, example }) => {
    const rule = config.plugins
      .find((one) => one.config.name === plugin)
      ?.rules.allow.find(({ text }) => text === what);
    const named = rule === undefined ? quote(what) : `the rule ${quote(what)} (${rule.place})`;
    return config.problem(
      ['plugins', plugin],
      `${named} goes beyond the signed policy, serial ${policy?.serial}: it allows ${quote(example)}`,
      'narrow it, or have a policy signed that allows it',
    );
  });
}

// Looks at files again and again, and tells when one changed. It compares what stat(2) says of the file behind all links, so it sees a file that is
// replaced, and the swapped links of a ConfigMap, on every file system.

/**
 * @param before how they looked then
 * @param onChange called once the files have stayed the same for one look: an editor may write in several steps
 * @returns what ends it
 */
function watchFiles(paths: readonly string[], before: string, onChange: () => void): () => void {
  let known = before;
  let seen = known;
  const timer = setInterval(() => {
    const now = looksOf(paths);
    if (now === seen && now !== known) {
      known = now;
      onChange();
    }
    seen = now;
  }, CONFIG_LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}

function looksOf(paths: readonly string[]): string {
  return paths.map(lookAt).join(' ');
}

function lookAt(path: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
  } catch {
    return 'absent';
  }
}

// What a reload says. Pure.

function describeReload(path: string, plan: ReloadPlan): string {
  const parts = (
    [
      ['started', plan.added],
      ['ended', plan.removed],
      ['restarted', plan.restarted],
      ['with other rules', plan.changed],
    ] as const
  )
    .filter(([, names]) => names.length > 0)
    .map(([word, names]) => `${word}: ${names.join(', ')}`);
  return `"${path}" was read again; ${parts.length === 0 ? 'no plugin changed' : parts.join('; ')}`;
}

/** The keys that a running postern does not take, and their names in the file. */
const TAKEN_AT_START = {
  metrics: 'metrics',
  audit: 'audit',
  auditFormat: 'audit.format',
  auditWhenFull: 'audit.when_full',
  control: 'control',
  ui: 'ui',
  dnsServers: 'dns',
  askMs: 'ask.timeout_s',
  hook: 'ask.hook',
  policy: 'policy',
} as const satisfies Partial<Record<keyof Config, string>>;

function needsNewStart(former: Config, next: Config): readonly string[] {
  return (Object.entries(TAKEN_AT_START) as [keyof typeof TAKEN_AT_START, string][])
    .filter(([key]) => JSON.stringify(former[key]) !== JSON.stringify(next[key]))
    .map(([, name]) => `${name} changed: it is put in force when postern is started again`);
}
