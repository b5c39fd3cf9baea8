// Reads a text of /proc/PID/stat, proc_pid_stat(5). Pure. The process belongs to a plugin, and chooses its name: it may hold any character.

export interface ProcessStat {
  readonly parent: number;
  readonly threads: number;
  /** Processor time of the process, and of its ended children that were waited for, in clock ticks. */
  readonly ticks: number;
  /** Memory that it has in RAM, in pages. */
  readonly pages: number;
}

/** Where the fields are, from the one behind the name on. */
const FIELD = { parent: 1, times: [11, 12, 13, 14], threads: 17, pages: 21 } as const;

/** @returns undefined for a text that no kernel writes */
export function readProcessStat(text: string): ProcessStat | undefined {
  // The name stands in parentheses. All behind it is numbers, except a letter for the state.
  const end =
    /* protects: G13 top: the name of a process forges no number => text.indexOf(') ') */ text.lastIndexOf(
      ') ',
    );
  if (end < 0) return undefined;
  const fields = text.slice(end + 2).split(' ');
  const numberAt = (at: number): number => {
    const written = fields[at] ?? '';
    return /^\d{1,15}$/.test(written) ? Number(written) : Number.NaN;
  };
  const stat = {
    parent: numberAt(FIELD.parent),
    threads: numberAt(FIELD.threads),
    ticks: FIELD.times.reduce((sum, at) => sum + numberAt(at), 0),
    pages: numberAt(FIELD.pages),
  };
  return Object.values(stat).some(Number.isNaN) ? undefined : stat;
}
