// A process for native-thread.test.ts: it starts a thread, and ends the thread or itself at once. It tells whether the thread has loaded by then.
import { readdirSync, readFileSync, writeSync } from 'node:fs';
import { endNativeThread, startNativeThread } from '../../shared/native-thread.js';

/** The thread sets this flag, prctl(2), once its native part has loaded. The other threads lack it. */
const LOADED = /^NoNewPrivs:\t1$/m;

function hasLoaded(): boolean {
  return readdirSync('/proc/self/task').some((id) =>
    LOADED.test(readFileSync(`/proc/self/task/${id}/status`, 'latin1')),
  );
}

const way = process.argv[2];
let loaded = false;
const thread = startNativeThread('connect-thread');
thread.on('message', () => {
  loaded = true;
});
process.exitCode = 7;
process.on('exit', () => writeSync(1, loaded || hasLoaded() ? 'loaded\n' : 'not loaded\n'));
if (way === 'exits') process.exit();
if (way === 'terminates') endNativeThread(thread);
else thread.unref();
