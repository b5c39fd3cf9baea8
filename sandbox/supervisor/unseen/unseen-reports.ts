// Reports the files that failed plugins may have missed, each report once. Runs in the supervisor.
import type { Unseen } from './unseen-files.js';

export class UnseenReports {
  readonly #report: ((plugin: string, unseen: Unseen) => void) | undefined;
  readonly #told = new Set<string>();

  /** @param report undefined where nobody takes reports: then nothing is searched */
  constructor(report: ((plugin: string, unseen: Unseen) => void) | undefined) {
    this.#report = report;
  }

  /** @param find returns the files that the plugin may have missed */
  tell(plugin: string, find: () => readonly Unseen[]): void {
    if (this.#report === undefined) return;
    for (const unseen of find()) {
      const key = JSON.stringify([plugin, unseen]);
      if (this.#told.has(key)) continue;
      this.#told.add(key);
      this.#report(plugin, unseen);
    }
  }
}
