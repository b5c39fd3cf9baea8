// A supervisor that keeps plugins running: it starts and restarts them by their policies, and an operator may start and stop them. The library and
// `up` are built on it. It prints nothing and handles no signal.
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import type { ControlFleet, PolicyStatus } from '../supervisor/control/control-surface.js';
import type { PluginLogs } from '../supervisor/control/plugin-logs.js';
import type { ExportFacts } from '../supervisor/export/exporter.js';
import { Fleet } from '../supervisor/fleet/fleet.js';
import type { PluginStarter, PluginWatcher } from '../supervisor/fleet/plugin-keeper.js';
import type { StandardStreams } from '../supervisor/start/standard-streams.js';
import type { Supervisor } from '../supervisor/supervisor.js';
import { type OperatedOptions, OperatedSupervisor } from './operated-supervisor.js';

const KILL_AT_ONCE_MS = 1;

export interface FleetOptions extends OperatedOptions {
  /** Makes the streams of a plugin's next run. Called when its turn to start has come. */
  readonly streams: (plugin: PluginConfig) => StandardStreams;
  /** The program of a plugin has begun. */
  readonly onBegun?: ((plugin: string) => void) | undefined;
  readonly watcher: PluginWatcher;
  /** Takes the name of each plugin that has ended for good. */
  readonly onGone: (plugin: string) => void;
  /** What the control socket also shows and does. */
  readonly operator?: {
    /** The absolute path of the configuration, links resolved; null without one. */
    readonly config: string | null;
    readonly logs?: PluginLogs | undefined;
    readonly reload?: ControlFleet['reload'] | undefined;
    /** Where the live page is; see ControlTarget. */
    readonly page?: (() => string) | undefined;
    readonly policy?: (() => PolicyStatus) | undefined;
    readonly exported?: (() => ExportFacts | null) | undefined;
    readonly reloadProblem?: (() => string | null) | undefined;
  };
}

export class KeptFleet {
  readonly fleet: Fleet;
  readonly #operated: OperatedSupervisor;
  readonly #options: FleetOptions;
  #closed: Promise<void> | undefined;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#operated = new OperatedSupervisor(options);
    this.fleet = new Fleet(this.#starter(), options.watcher, options.onGone);
  }

  get supervisor(): Supervisor {
    return this.#operated.supervisor;
  }

  /** Starts everything except the plugins. An operator is answered from here on. @throws PosternError as Supervisor.start does */
  async open(): Promise<void> {
    try {
      await this.supervisor.start();
    } catch (error) {
      await this.#operated.close();
      throw error;
    }
    if (this.#closed === undefined) this.#serve();
  }

  /**
   * Stops the plugins, each before those that it comes after, and ends everything.
   *
   * @param graceMs for all plugins together. When it has passed, the rest are killed. Missing: each has its own time
   */
  close(graceMs?: number): Promise<void> {
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  async #close(graceMs: number | undefined): Promise<void> {
    const late =
      graceMs === undefined
        ? undefined
        : setTimeout(() => void this.supervisor.close(KILL_AT_ONCE_MS), graceMs);
    await this.fleet.stopAll();
    clearTimeout(late);
    await this.#operated.close();
  }

  #starter(): PluginStarter {
    return {
      start: async (plugin, cause) => {
        let streams: StandardStreams | undefined;
        const open = (): StandardStreams => {
          streams = this.#options.streams(plugin);
          return streams;
        };
        const sandbox = await this.supervisor.startPlugin(plugin, open, cause);
        this.#options.onBegun?.(plugin.name);
        const drained = async (): Promise<unknown> => streams?.drained();
        return {
          pid: sandbox.pid,
          ended: sandbox.ended.then((end) => drained().then(() => end)),
          ready: this.supervisor.pluginReady(plugin, sandbox),
          notices: sandbox.notices,
        };
      },
      stop: ({ name, stop }) => this.supervisor.stopPlugin(name, stop),
      // protects: G12 a plugin that the operator stopped has no listener
      rest: ({ name }) => this.supervisor.closeListeners(name),
    };
  }

  #serve(): void {
    const { fleet } = this;
    const {
      config = null,
      logs,
      reload,
      page,
      policy,
      exported,
      reloadProblem,
    } = this.#options.operator ?? {};
    this.#operated.serve({
      knows: (name) => fleet.configOf(name) !== undefined,
      config,
      plugins: () => fleet.states,
      egressOf: (name) => fleet.configOf(name)?.egress ?? 'transparent',
      logs,
      page,
      policy,
      exported,
      reloadProblem,
      fleet: {
        start: (name) => fleet.start(name),
        stop: (name) => fleet.stop(name),
        restart: (name) => fleet.restart(name),
        reload,
      },
    });
  }
}
