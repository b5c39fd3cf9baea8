// The control socket of `run --control PATH`. Only the program with all commands loads it.
import { resolve } from 'node:path';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import type { AuditEvent } from '../../shared/protocol/audit-events.js';
import { Denials } from '../supervisor/control/denials.js';
import { controlTarget } from '../supervisor/control-target.js';
import type { StateWord } from '../supervisor/fleet/plugin-state.js';
import type { Supervisor } from '../supervisor/supervisor.js';
import { ServedControl } from './serve-control.js';

/** What a run tells its control socket. */
export interface RunControl {
  /** The path of the socket. */
  readonly path: string | undefined;
  readonly take: (event: AuditEvent) => void;
  readonly serve: (supervisor: Supervisor) => void;
  readonly began: (pid: number) => void;
  readonly close: () => Promise<void>;
}

export type OpenRunControl = (path: string, config: PluginConfig) => RunControl;

/** @throws PosternError `control_socket` */
export const openRunControl: OpenRunControl = (path, { name, egress }) => {
  const served = new ServedControl({ path: resolve(path), isDefault: false });
  const denials = new Denials((plugin) => plugin === name);
  let pid: number | undefined;
  let since = performance.now();
  return {
    path: served.path,
    take: (event) => denials.take(event),
    serve: (supervisor) =>
      served.serve(
        controlTarget({
          supervisor,
          config: null,
          plugins: () => {
            const state: StateWord = pid === undefined ? 'starting' : 'running';
            const starts = pid === undefined ? 0 : 1;
            const ended = { lastEnd: undefined, lastFailure: undefined, startsInMs: undefined };
            return [{ name, state, ageMs: performance.now() - since, pid, starts, ...ended }];
          },
          egressOf: () => egress,
          denials,
        }),
      ),
    began: (first) => {
      pid = first;
      since = performance.now();
    },
    close: () => served.close(),
  };
};
