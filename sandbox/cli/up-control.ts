// The control socket of `up`: what it shows and steers.
import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config } from '../../shared/config/load-config.js';
import { Denials } from '../supervisor/control/denials.js';
import { PluginLogs } from '../supervisor/control/plugin-logs.js';
import { controlTarget } from '../supervisor/control-target.js';
import type { Fleet } from '../supervisor/fleet/fleet.js';
import type { Supervisor } from '../supervisor/supervisor.js';
import type { ConfigInForce } from './config-in-force.js';
import type { PluginLines } from './plugin-lines.js';
import { controlPlace, ServedControl } from './serve-control.js';

export class UpControl {
  readonly denials: Denials;
  readonly #logs: PluginLogs;
  readonly #served: ServedControl;
  readonly #file: string;

  /**
   * Listens. A client that comes before {@link serve} waits in the queue.
   *
   * @param named --control, if it was given
   * @param config that of the start. A later one moves no socket
   * @param current returns the configuration in force
   * @throws PosternError `control_socket`
   */
  constructor(named: string | undefined, file: string, config: Config, current: () => Config) {
    const at = named === undefined || named === 'off' ? named : resolve(named);
    this.#served = new ServedControl(controlPlace(at ?? config.control, file));
    this.#file = realpathSync(file);
    const isKnown = (name: string): boolean =>
      current().plugins.some((plugin) => plugin.config.name === name);
    this.denials = new Denials(isKnown);
    this.#logs = new PluginLogs(isKnown);
  }

  /** The path of the socket; undefined without one. */
  get path(): string | undefined {
    return this.#served.path;
  }

  /** Keeps the last lines of what is printed. */
  noting(lines: PluginLines): Pick<PluginLines, 'write'> {
    return {
      write: (name, output, line) => {
        this.#logs.take(name, output, line);
        return lines.write(name, output, line);
      },
    };
  }

  serve(supervisor: Supervisor, fleet: Fleet, inForce: ConfigInForce): void {
    const target = controlTarget({
      supervisor,
      config: this.#file,
      plugins: () => fleet.states,
      egressOf: (name) =>
        inForce.config.plugins.find((plugin) => plugin.config.name === name)?.config.egress ?? 'transparent',
      denials: this.denials,
      logs: this.#logs,
      fleet: {
        start: (name) => fleet.start(name),
        stop: (name) => fleet.stop(name),
        restart: (name) => fleet.restart(name),
        reload: () => inForce.reload(),
      },
    });
    this.#served.serve(target);
  }

  close(): Promise<void> {
    return this.#served.close();
  }
}
