// Writes to stdout and stderr, which the plugin shares, without changing them. Node makes a pipe or socket non-blocking at the
// first use of process.stdout or process.stderr. The plugin shares that flag, and would lose output to EAGAIN.
import { writeSync } from 'node:fs';
import { Writable } from 'node:stream';
import { isatty } from 'node:tty';

const RETRIES = 200;
const RETRY_MS = 5;

/** Replaces process.stdout and process.stderr by plain, blocking writers. Call it before anything uses them. */
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
    replaceStream(name, fd, stream);
  }
}

export function replaceStream(name: 'stdout' | 'stderr', fd: number, stream: Writable): void {
  Object.defineProperty(process, name, {
    value: Object.assign(stream, { fd, isTTY: isatty(fd) }),
    configurable: true,
    enumerable: true,
  });
}

/** Gives up where the reader is slow or gone: the plugin's run must not depend on it. */
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
