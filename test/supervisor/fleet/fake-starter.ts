// Plugins that a test ends by hand, for keepers and fleets.
import type {
  PluginStarter,
  PluginWatcher,
  RunningPlugin,
} from '../../../sandbox/supervisor/fleet/plugin-keeper.js';
import type { PluginEnd } from '../../../sandbox/supervisor/start/sandbox.js';
import {
  NO_RESTART,
  type PluginConfig,
  plainPlugin,
  type RestartConfig,
} from '../../../shared/config/plugin-config.js';

export function configOf(name: string, restart: RestartConfig = NO_RESTART): PluginConfig {
  return { ...plainPlugin(name, ['true']), restart };
}

export class FakeStarter implements PluginStarter {
  readonly log: string[] = [];
  readonly #ends = new Map<string, (end: PluginEnd) => void>();
  /** When a plugin becomes ready; at once if it is missing. */
  readiness: ReadonlyMap<string, Promise<void>> = new Map();
  failures: number = 0;
  failure: Error = new Error('cannot start');

  start: PluginStarter['start'] = async (config: PluginConfig, cause: string): Promise<RunningPlugin> => {
    this.log.push(`start ${config.name} ${cause}`);
    if (this.failures > 0) {
      this.failures -= 1;
      throw this.failure;
    }
    const ended = new Promise<PluginEnd>((resolve) => this.#ends.set(config.name, resolve));
    return { ended, ready: this.readiness.get(config.name) };
  };

  stop: PluginStarter['stop'] = async ({ name }): Promise<void> => {
    this.log.push(`stop ${name}`);
    this.end(name, { kind: 'killed', signal: 15 });
  };

  rest: PluginStarter['rest'] = ({ name }): void => {
    this.log.push(`rest ${name}`);
  };

  end(name: string, end: PluginEnd): void {
    this.#ends.get(name)?.(end);
  }
}

export const silent: PluginWatcher = { onEnd: () => {}, onFailedStart: () => {} };

export function turn(milliseconds = 5): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
