// What a supervisor needs of its own process before it starts another one.
import { dropInheritableCapabilities } from '../../shared/sys/capabilities.js';
import { becomeSubreaper, setDumpable } from '../../shared/sys/process-control.js';

export function prepareOwnProcess(): void {
  // unshare(1) does not stay: init and the launcher become children of this process.
  becomeSubreaper();
  // As a user the broker has the same uid. A broker that was taken over must not read or steer this process, proc(5).
  setDumpable(false);
  dropInheritableCapabilities();
}
