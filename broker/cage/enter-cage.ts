// The broker's own cage. It parses what hostile programs send; should one of them take it over, it finds nothing to go on with: no
// exec, no fork, no file to write, no other process's memory to change. Runs in the broker before it has seen a byte of any plugin.
//
// No Landlock: a domain would forbid it to read its plugins, ptrace(2).
import { PosternError } from '../../shared/errors.js';
import { setDumpable } from '../../shared/sys/process-control.js';
import { loadFilterInAllThreads } from '../../shared/sys/seccomp.js';
import { cageFilter } from './cage-rules.js';
import { holdsRing } from './holds-ring.js';
import { ownThreads } from './own-threads.js';

/** @throws PosternError `broker_cage`, or `seccomp` naming the step */
export function enterCage(): void {
  if (holdsRing())
    throw new PosternError('broker_cage', 'Cannot confine the broker: its event loop has an io_uring');
  // The memory holds other plugins' requests.
  setDumpable(false);
  loadFilterInAllThreads(cageFilter(process.pid));
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
