// Finds the blocks of postern's code that have run, by V8's counters. A look costs milliseconds, so many inputs share one.
import { Session } from 'node:inspector';

const POSTERN = /\/dist\/(?:broker|sandbox|shared)\//;

interface Coverage {
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly {
      readonly ranges: readonly {
        readonly startOffset: number;
        readonly endOffset: number;
        readonly count: number;
      }[];
    }[];
  }[];
}

export class CoverageProbe {
  readonly #session = new Session();

  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** The blocks that ran since the last look. */
  take(): Set<string> {
    const blocks = new Set<string>();
    this.#session.post('Profiler.takePreciseCoverage', (error: Error | null, found: Coverage) => {
      if (error !== null) throw error;
      for (const { url, functions } of found.result.filter(({ url }) => POSTERN.test(url))) {
        for (const { startOffset, endOffset, count } of functions.flatMap(({ ranges }) => ranges))
          if (count > 0) blocks.add(`${url} ${startOffset} ${endOffset}`);
      }
    });
    return blocks;
  }

  close(): void {
    this.#session.disconnect();
  }
}
