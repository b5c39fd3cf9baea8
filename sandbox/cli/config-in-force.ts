// The configuration that `up` runs, and its reload: the file is read again, checked whole, and put in force. A file with a mistake changes nothing.
import type { Config } from '../../shared/config/load-config.js';
import { processesInAll } from '../host/processes-in-all.js';
import type { Fleet, FleetPlugin } from '../supervisor/fleet/fleet.js';
import { type ReloadPlan, reload } from '../supervisor/fleet/reload.js';
import type { Supervisor } from '../supervisor/supervisor.js';
import { describeWarning } from './check-warning.js';
import { configFile } from './config-file.js';
import { watchFiles } from './file-watch.js';
import { loadChecked } from './load-checked.js';
import { processWarnings } from './process-warnings.js';
import { describeReload, needsNewStart } from './reload-lines.js';
import { describeError } from './say.js';

export interface InForce {
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
    for (const warning of processWarnings(this.#config, processesInAll()))
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

  /** Reloads whenever a file of the configuration changes, if it says so. */
  watch(): void {
    this.#unwatch();
    if (this.#closed || !this.#config.watch) return;
    this.#unwatch = watchFiles(this.#config.files, () => void this.tryReload());
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
      this.watch();
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
