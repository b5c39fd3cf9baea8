// Loads the compiled filter, which the supervisor has sent. Runs in the launcher and init.
import { loadProgram, loadReportingProgram } from '../../shared/sys/filter-program.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { ProcessFilter } from './filters.js';

/** Loads the filter for this thread. @returns the notifyFd of the reported calls, if it reports any @throws PosternError `seccomp` */
export function loadFilter({ program, reports }: ProcessFilter): OwnedFd | undefined {
  // A copy: a small Buffer is a part of a larger one.
  const bytes = new Uint8Array(Buffer.from(program, 'base64'));
  if (reports) return loadReportingProgram(bytes);
  loadProgram(bytes);
  return undefined;
}
