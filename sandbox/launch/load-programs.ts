// Loads the compiled filters, which the supervisor has sent. Runs in the launcher and init.
import { loadNotifyingProgram, loadProgram } from '../../shared/sys/filter-program.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { FilterPrograms } from './filters.js';

/** Loads all filters for this thread. @returns the listener of the reported calls, if there are any @throws PosternError `seccomp` */
export function loadPrograms({ reporting, stacked }: FilterPrograms): OwnedFd | undefined {
  // Loaded first: the others refuse another listener.
  const listener = reporting === undefined ? undefined : loadNotifyingProgram(decoded(reporting));
  for (const program of stacked) loadProgram(decoded(program));
  return listener;
}

function decoded(program: string): Uint8Array {
  // A copy: a small Buffer is a part of a larger one.
  return new Uint8Array(Buffer.from(program, 'base64'));
}
