// The configuration that `up` runs, and its reload: the file is read again, checked whole, and put in force. A file with a mistake changes nothing.

import { statSync } from 'node:fs';
import type { Config } from '../../shared/config/load-config.js';

import { processesInAll } from '../host/privileges.js';
import type { Fleet, FleetPlugin } from '../supervisor/fleet/fleet.js';
import { type ReloadPlan, reload } from '../supervisor/fleet/reload.js';
import type { Supervisor } from '../supervisor/supervisor.js';
import { configFile } from './default-config.js';
import { loadChecked } from './load-checked.js';
import { describeError } from './say.js';
import { describeWarning, loopbackWarnings, processWarnings } from './warnings.js';

/** How often a watched configuration is looked at. */
const CONFIG_LOOK_MS = 1_000;

interface InForce {
  /** The file of the command line, if it names one. */
  readonly named: string | undefined;
  readonly path: string;
  readonly config: Config;
  readonly supervisor: Supervisor;
  readonly fleet: Fleet;
  readonly say: (text: string | readonly string[]) => void;
}

export class ConfigInForce {
  readonly #given: InForce;
  #config: Config;
  /** Reloads run one after the other. */
  #last: Promise<unknown> = Promise.resolve();
  #unwatch: () => void = () => {};
  #closed = false;

  constructor(given: InForce) {
    this.#given = given;
    this.#config = given.config;
  }

  get config(): Config {
    return this.#config;
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
  reload(): Promise<ReloadPlan> {
    const done = this.#last.then(() => this.#reload());
    this.#last = done.catch(() => {});
    return done;
  }

  /** Reloads, and says what came of it. */
  async tryReload(): Promise<void> {
    const { say, path } = this.#given;
    try {
      say(describeReload(path, await this.reload()));
    } catch (error) {
      if (this.#closed) return;
      say([...describeError(error), `"${path}" is not put in force: the former configuration stays`]);
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

  async #reload(): Promise<ReloadPlan> {
    const { named, supervisor, fleet, say } = this.#given;
    const former = this.#config;
    try {
      const next = loadChecked(configFile(named));
      // One may change while former runs end.
      const looks = looksOf(next.files);
      const plan = await reload({
        supervisor,
        fleet,
        before: fleetPlugins(former),
        after: fleetPlugins(next),
        ownFiles: next.files,
      });
      this.#config = next;
      supervisor.rulesLoaded(true);
      for (const line of needsNewStart(former, next)) say(line);
      this.warn();
      this.watch(looks);
      return plan;
    } catch (error) {
      supervisor.rulesLoaded(false);
      throw error;
    }
  }
}

export function fleetPlugins({ plugins }: Config): readonly FleetPlugin[] {
  return plugins.map(({ config, after }) => ({ config, after }));
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
} as const satisfies Partial<Record<keyof Config, string>>;

function needsNewStart(former: Config, next: Config): readonly string[] {
  return (Object.entries(TAKEN_AT_START) as [keyof typeof TAKEN_AT_START, string][])
    .filter(([key]) => JSON.stringify(former[key]) !== JSON.stringify(next[key]))
    .map(([, name]) => `${name} changed: it is put in force when postern is started again`);
}
