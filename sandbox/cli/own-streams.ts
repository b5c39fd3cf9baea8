// This process's own words on descriptors that the plugin shares. Node makes a pipe or socket non-blocking as soon as
// process.stdout or process.stderr is touched, and with it the plugin's, which then loses output to EAGAIN.
import { writeSync } from 'node:fs';
import { Writable } from 'node:stream';
import { isatty } from 'node:tty';

const RETRIES = 200;
const RETRY_MS = 5;

/** Puts plain, blocking writers in the place of process.stdout and process.stderr, before anything has touched them. */
export function takeOwnStreams(): void {
  for (const [name, fd] of [
    ['stdout', 1],
    ['stderr', 2],
  ] as const) {
    const stream = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        writeAll(fd, chunk);
        done();
      },
    });
    Object.defineProperty(process, name, {
      value: Object.assign(stream, { fd, isTTY: isatty(fd) }),
      configurable: true,
      enumerable: true,
    });
  }
}

/** Gives up where nobody takes the words, or nobody is there any more: the plugin's run does not depend on them. */
function writeAll(fd: number, bytes: Buffer): void {
  let left = RETRIES;
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      left -= 1;
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || left === 0) return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}
