// Whether a terminal is the controlling terminal of another session, proc_pid_stat(5). Runs in the supervisor.
import { fstatSync, readdirSync, readFileSync } from 'node:fs';

/** Where tty_nr stands after the name. */
const TERMINAL = 4;

/** @param fd a terminal that is not the controlling terminal of this process. Without a readable /proc the answer is yes */
export function isOfAnotherSession(fd: number): boolean {
  const { rdev } = fstatSync(fd);
  try {
    return readdirSync('/proc').some((name) => /^\d+$/.test(name) && terminalOf(name) === rdev);
  } catch {
    return true;
  }
}

function terminalOf(pid: string): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[TERMINAL]);
  } catch {
    return 0; // It has ended.
  }
}
