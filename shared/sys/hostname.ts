// sethostname(2). Runs in the launcher.
import { bind } from './libc.js';
import { succeed } from './system-error.js';

const sethostname = bind('int sethostname(const char *name, size_t length)');

/** Names the host of this UTS namespace. */
export function setHostname(name: string): void {
  succeed(sethostname(name, Buffer.byteLength(name)), 'sethostname', name);
}
