// What postern's own processes use, for the metrics. Runs in the supervisor. The broker's figures come from proc_pid_stat(5), which needs no permission:
// a broker that was taken over cannot forge them.

import { readFileSync } from 'node:fs';
import { inUnits, readProcessStat } from './sandbox-use.js';

export const OWN_PROCESSES = ['supervisor', 'broker'] as const;

export interface OwnUse {
  readonly process: (typeof OWN_PROCESSES)[number];
  readonly memoryBytes: number;
  /** Since the last look. */
  readonly cpuSeconds: number;
}

export class OwnUses {
  #supervisorSeconds = 0;
  readonly #broker = { pid: 0, seconds: 0 };

  /** @param broker its pid; undefined: none runs. What one used that has ended since the last look is not known */
  take(broker: number | undefined): readonly OwnUse[] {
    const { user, system } = process.cpuUsage();
    const seconds = (user + system) / 1e6;
    const own: OwnUse = {
      process: 'supervisor',
      memoryBytes: process.memoryUsage.rss(),
      cpuSeconds: seconds - this.#supervisorSeconds,
    };
    this.#supervisorSeconds = seconds;
    return [own, this.#ofBroker(broker)];
  }

  #ofBroker(pid: number | undefined): OwnUse {
    const stat = pid === undefined ? undefined : statOf(pid);
    if (pid === undefined || stat === undefined) return { process: 'broker', memoryBytes: 0, cpuSeconds: 0 };
    const { memoryBytes, cpuSeconds } = inUnits(stat);
    const before = this.#broker.pid === pid ? this.#broker.seconds : 0;
    Object.assign(this.#broker, { pid, seconds: cpuSeconds });
    return { process: 'broker', memoryBytes, cpuSeconds: Math.max(0, cpuSeconds - before) };
  }
}

function statOf(pid: number): ReturnType<typeof readProcessStat> {
  try {
    return readProcessStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return undefined;
  }
}
