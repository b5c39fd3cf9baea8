// The broker's own cage. The broker parses hostile bytes, and an attacker who takes it over must gain nothing more: no exec, no fork, no
// file to write, no other process's memory to change. Runs in the broker before it has seen a byte of any plugin. There is no Landlock
// domain, which would forbid the broker to read its plugins, ptrace(2).
import { PosternError } from '../../shared/errors.js';
import { compileFilters } from '../../shared/sys/compile-filters.js';
import { loadProgramInAllThreads } from '../../shared/sys/filter-program.js';
import { setDumpable } from '../../shared/sys/process-control.js';
import { cageFilters } from './cage-rules.js';
import { holdsRing } from './holds-ring.js';
import { ownThreads } from './own-threads.js';

/** @throws PosternError `broker_cage`, or `seccomp` with the step that failed */
export function enterCage(): void {
  // protects: G16 with an io_uring nothing is served
  if (holdsRing())
    throw new PosternError('broker_cage', 'Cannot confine the broker: its event loop has an io_uring');
  // Its memory holds the requests of every plugin.
  // protects: G16 cage: its memory is closed to its own user
  setDumpable(false);
  // protects: G16 cage: it holds for every thread (fails closed) => (() => { })(compileFilters(cageFilters(process.pid)));
  loadProgramInAllThreads(compileFilters(cageFilters(process.pid)));
  for (const { thread, status } of ownThreads()) {
    const capability = /^Cap(?:Inh|Prm|Eff|Amb):\s*0*[1-9a-f][0-9a-f]*$/m.exec(status);
    if (capability !== null)
      throw new PosternError(
        'broker_cage',
        `Cannot confine the broker: its thread ${thread} has ${capability[0]}`,
      );
    if (!/^Seccomp:\s+2$/m.test(status))
      throw new PosternError(
        'broker_cage',
        `Cannot confine the broker: its thread ${thread} has no seccomp filter`,
      );
  }
}
