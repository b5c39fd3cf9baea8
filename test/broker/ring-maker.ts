// Loaded at each start of Node, before the broker's own code: makes an io_uring, as the event loops of newer Nodes do, and writes the result
// to stderr.
import { writeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { bind, errnoName } from '../../shared/sys/libc.js';

const IO_URING_SETUP = 425;
/** struct io_uring_params */
const PARAMS_BYTES = 120;
const syscall = bind('long syscall(long number, long entries, void *params)');

if (isMainThread) {
  const result = syscall(IO_URING_SETUP, 1, new Uint8Array(PARAMS_BYTES));
  writeSync(2, `ring ${result < 0 ? errnoName(-result) : 'made'}\n`);
}
