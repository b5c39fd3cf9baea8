// The broker's first program. Newer Nodes give each event loop an io_uring. The cage forbids rings, since a ring executes calls that the
// cage refuses; so this program refuses io_uring to itself and becomes Node again, whose loops then use epoll(7).
// Runs before the broker's code is loaded, and reads nothing from a plugin.
import { bundlePath } from '../shared/own-files.js';
import { BROKER_DESCRIPTOR_FD } from '../shared/protocol/link.js';
import { execve } from '../shared/sys/execve.js';
import { keepAcrossExec } from '../shared/sys/fcntl.js';
import { setNoNewPrivileges } from '../shared/sys/process-control.js';
import { loadFilter } from '../shared/sys/seccomp.js';
import { errnoName } from '../shared/sys/system-error.js';
import { NO_RINGS } from './cage-rules.js';
import { holdsRing } from './holds-ring.js';

const EXIT_FAILED = 70;
/** The argument that tells the second start. Were there a ring all the same, the cage would refuse to close. */
const AGAIN = 'without-rings';
const [, self = '', word] = process.argv;

if (word !== AGAIN && holdsRing()) startAgainWithoutRings();
else await import(bundlePath('broker-main'));

/** Becomes the broker. Of this process's threads only this one has the filter, and only this one is left by execve(2). */
function startAgainWithoutRings(): never {
  setNoNewPrivileges();
  loadFilter(NO_RINGS);
  // Node has marked them close-on-exec.
  for (let fd = 0; fd <= BROKER_DESCRIPTOR_FD; fd += 1) keepAcrossExec(fd);
  const environment = Object.entries(process.env).map(([key, value]) => `${key}=${value}`);
  const result = execve(process.execPath, [process.execPath, ...process.execArgv, self, AGAIN], environment);
  process.stderr.write(`postern: broker: cannot start "${process.execPath}" again: ${errnoName(-result)}\n`);
  process.exit(EXIT_FAILED);
}
