// The broker's first program. It gives up what the broker may not have and what a process with threads cannot give up, and becomes Node again:
// an io_uring, which newer Nodes make for each event loop, and which executes calls that the cage refuses; and capabilities, where the broker
// takes on no other ids. Runs before the broker's code is loaded, and reads nothing from a plugin.
import '../shared/refuse-debugger.js';
import { constants } from 'node:os';
import { bundlePath } from '../shared/own-files.js';
import { BROKER_DESCRIPTOR_FD, KEEPS_CAPABILITIES } from '../shared/protocol/link.js';
import { dropOwnCapabilities, hasCapabilities } from '../shared/sys/capabilities.js';
import { execve } from '../shared/sys/execve.js';
import { keepAcrossExec } from '../shared/sys/fcntl.js';
import { ignoreSignal, setNoNewPrivileges } from '../shared/sys/process-control.js';
import { loadFilter } from '../shared/sys/seccomp.js';
import { errnoName } from '../shared/sys/system-error.js';
import { NO_RINGS } from './cage/cage-rules.js';
import { holdsRing } from './cage/holds-ring.js';

const EXIT_FAILED = 70;
/** The argument of a start after which nothing is left to give up. What is there all the same, the cage finds. */
const AGAIN = 'again';
const [, self = '', word] = process.argv;
const mayGiveUp = word !== KEEPS_CAPABILITIES && hasCapabilities();

if (word !== AGAIN && (mayGiveUp || holdsRing())) startAgain();
else await import(bundlePath('broker-main'));

/** Becomes the broker. Only this thread has the filter and has lost the capabilities, and only this one outlives execve(2). */
function startAgain(): never {
  setNoNewPrivileges();
  loadFilter(NO_RINGS);
  if (mayGiveUp) dropOwnCapabilities();
  // Node has marked them close-on-exec.
  for (let fd = 0; fd <= BROKER_DESCRIPTOR_FD; fd += 1) keepAcrossExec(fd);
  // A handled signal would get its default action by execve(2), and end the process until Node blocks it.
  ignoreSignal(constants.signals.SIGUSR1);
  const environment = Object.entries(process.env).map(([key, value]) => `${key}=${value}`);
  const result = execve(process.execPath, [process.execPath, ...process.execArgv, self, AGAIN], environment);
  process.stderr.write(`postern: broker: cannot start "${process.execPath}" again: ${errnoName(-result)}\n`);
  process.exit(EXIT_FAILED);
}
