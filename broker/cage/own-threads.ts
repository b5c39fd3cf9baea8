// This process's threads, with the text of each one's status, proc_pid_status(5). Runs in the broker.
import { readdirSync, readFileSync } from 'node:fs';

export interface OwnThread {
  readonly thread: string;
  readonly status: string;
}

/** A thread that has ended since the listing, as V8's may, is left out. */
export function ownThreads(): readonly OwnThread[] {
  return readdirSync('/proc/self/task').flatMap((thread) => {
    try {
      return [{ thread, status: readFileSync(`/proc/self/task/${thread}/status`, 'latin1') }];
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ESRCH') return [];
      throw error;
    }
  });
}
