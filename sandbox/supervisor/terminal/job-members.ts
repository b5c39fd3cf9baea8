// The other programs of postern's job, proc_pid_stat(5). Runs in the supervisor. Without a readable /proc there are none.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { processGroup } from '../../../shared/sys/process-control.js';

/** Where they stand after the name. */
const PARENT = 1;
const GROUP = 2;
/** The device of /dev/tty, which is each process's controlling terminal. */
const CONTROLLING = 0x500;

export interface JobMembers {
  /** They started postern, and may wait for its end, as the shell of a script. */
  readonly ancestors: readonly number[];
  /** Neither ancestors nor children of postern. */
  readonly others: readonly number[];
}

export function jobMembers(): JobMembers {
  const parents = new Map<number, number>();
  const members: number[] = [];
  const group = processGroup();
  for (const name of namesIn('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const fields = fieldsOf(name);
    parents.set(Number(name), Number(fields[PARENT]));
    if (Number(fields[GROUP]) === group) members.push(Number(name));
  }
  const above = lineage(process.pid, parents);
  return {
    ancestors: members.filter((pid) => pid !== process.pid && above.includes(pid)),
    others: members.filter((pid) => !above.includes(pid) && !lineage(pid, parents).includes(process.pid)),
  };
}

/**
 * Whether a process may read a terminal: it has it as its standard input, or has opened it. What it has as output only, as a server in a
 * script's background does, does not count.
 *
 * @param device st_rdev
 */
export function mayRead(pid: number, device: number): boolean {
  const folder = `/proc/${pid}/fd`;
  const names = namesIn(folder);
  // Another user's process hides its descriptors, as sudo(8) does.
  if (names.length === 0) return fieldsOf(`${pid}`).length > 0;
  return names.some((name) => {
    if (name === '1' || name === '2') return false;
    try {
      const { rdev } = statSync(`${folder}/${name}`);
      return rdev === device || rdev === CONTROLLING;
    } catch {
      return false; // It was closed meanwhile.
    }
  });
}

function lineage(pid: number, parents: ReadonlyMap<number, number>): readonly number[] {
  const pids: number[] = [];
  for (let at: number | undefined = pid; at !== undefined && at > 0; at = parents.get(at)) {
    if (pids.includes(at)) break;
    pids.push(at);
  }
  return pids;
}

function fieldsOf(pid: string): readonly string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return []; // It has ended.
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
