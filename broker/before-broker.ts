// The broker's first program. As a user it makes the broker's root. It gives up what a process with threads cannot give up, and becomes Node again: an io_uring, and capabilities
// if the broker takes on no other ids. Newer Nodes make a ring for each event loop, and a ring executes calls that its sandbox refuses.
// Runs before the broker's code is loaded, and reads nothing from a plugin.
import '../shared/refuse-debugger.js';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { bundlePath } from '../shared/bundles.js';
import { BROKER_LINES_OUT_FD, KEEPS_CAPABILITIES, OWN_ROOT } from '../shared/protocol/link.js';
import { dropOwnCapabilities, hasCapabilities } from '../shared/sys/capabilities.js';
import { compileFilters } from '../shared/sys/compile-filters.js';
import { keepAcrossExec } from '../shared/sys/fcntl.js';
import { loadProgram } from '../shared/sys/filter-program.js';
import { SystemError } from '../shared/sys/libc.js';
import { execve, ignoreSignal, setNoNewPrivileges } from '../shared/sys/process-control.js';
import { holdsRing, NO_RINGS } from './sandbox/holds-ring.js';
import { enterOwnRoot } from './sandbox/own-root.js';

const EXIT_FAILED = 70;
/** The argument of the second start, when nothing should be left to give up. Its sandbox checks that. */
const AGAIN = 'again';
const [, self = '', word] = process.argv;
// protects: G16 broker: a user's sees no file of the user
if (word === OWN_ROOT) attempt(enterOwnRoot);
const mayGiveUp = word !== KEEPS_CAPABILITIES && hasCapabilities();

if (
  word !== AGAIN &&
  (mayGiveUp || /* protects: G16 a Node with an io_uring starts again without one */ holdsRing())
)
  attempt(startAgain);
else createRequire(import.meta.url)(bundlePath('broker-main'));

function attempt(step: () => void): void {
  try {
    step();
  } catch (error) {
    process.stderr.write(`${OWN_ROOT}: ${(error as Error).message}\n`);
    process.exit(EXIT_FAILED);
  }
}

/** Becomes the broker. Only this thread has the filter and has lost the capabilities, and only this one outlives execve(2). */
function startAgain(): never {
  setNoNewPrivileges();
  loadProgram(compileFilters([NO_RINGS]));
  if (mayGiveUp)
    // protects: G16 broker: capabilities that it does not need are given up
    dropOwnCapabilities();
  // Node has marked these close-on-exec.
  for (let fd = 0; fd <= BROKER_LINES_OUT_FD; fd += 1) keepAcrossExec(fd);
  // execve(2) resets a handled signal to its default action, which would end the process until Node blocks the signal.
  ignoreSignal(constants.signals.SIGUSR1);
  const environment = Object.entries(process.env).map(([key, value]) => `${key}=${value}`);
  const result = execve(process.execPath, [process.execPath, ...process.execArgv, self, AGAIN], environment);
  throw new SystemError('execve', -result, process.execPath);
}
