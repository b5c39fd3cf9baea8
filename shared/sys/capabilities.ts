// capabilities(7) of the calling thread, which is the one that forks and execs. Launcher and init drop and lock all of them by libcap-ng;
// the supervisor drops those that children would inherit.
import { readFileSync } from 'node:fs';
import koffi from 'koffi';
import { PosternError } from '../errors.js';
import { bind, prctl, succeed } from './libc.js';
import { loadLibrary } from './load-library.js';

/** capng_select_t: traditional sets, bounding set, ambient set. */
const CAPNG_SELECT_ALL = 16 | 32 | 64;

/**
 * Locks the securebits (no root, no set-uid fix-up), then clears the effective, permitted, inheritable, bounding and ambient sets. Reads the
 * result back from the kernel.
 *
 * @throws PosternError `capabilities` if a set is not empty afterwards, `missing_library` without libcap-ng
 */
export function dropAllCapabilities(): void {
  const library = loadLibrary('libcap-ng.so.0', 'libcap-ng0');
  const lock = library.func('int capng_lock()');
  const clear = library.func('void capng_clear(int set)');
  const apply = library.func('int capng_apply(int set)');
  const locked: number = lock();
  if (locked !== 0) throw new PosternError('capabilities', `capng_lock: ${locked} (errno ${koffi.errno()})`);
  clear(CAPNG_SELECT_ALL);
  const applied: number = apply(CAPNG_SELECT_ALL);
  if (applied !== 0)
    throw new PosternError('capabilities', `capng_apply: ${applied} (errno ${koffi.errno()})`);
  const left = /^Cap(?:Inh|Prm|Eff|Bnd|Amb):\s*0*[1-9a-f][0-9a-f]*$/m.exec(
    readFileSync('/proc/thread-self/status', 'latin1'),
  );
  if (left !== null) throw new PosternError('capabilities', `A capability set is not empty: ${left[0]}`);
}

const HEADER_VERSION_3 = 0x20080522;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
const capget = bind('int capget(void *header, void *data)');
const capset = bind('int capset(void *header, const void *data)');

/** Clears the inheritable and ambient sets, so that children of this thread get no capabilities from them. */
export function dropInheritableCapabilities(): void {
  changeSets((sets) => sets.fill(0, INHERITABLE));
}

/** Clears every set except the bounding set. With no_new_privs, execve(2) gives no capability back, not even to uid 0. */
export function dropOwnCapabilities(): void {
  changeSets((sets) => sets.fill(0));
}

/** Whether the calling thread has a capability in a set other than the bounding set. */
export function hasCapabilities(): boolean {
  const status = readFileSync('/proc/thread-self/status', 'latin1');
  return /^Cap(?:Inh|Prm|Eff|Amb):\s*0*[1-9a-f]/m.test(status);
}

/** Where the inheritable sets begin in the six words of {@link changeSets}. */
const INHERITABLE = 4;

/** @param change gets the effective, permitted and inheritable sets: the low, then the high 32 bits of each */
function changeSets(change: (sets: Uint32Array) => void): void {
  const header = new Uint8Array(new Uint32Array([HEADER_VERSION_3, 0]).buffer);
  // struct __user_cap_data_struct[2]: effective, permitted, inheritable, for the low and then for the high 32 bits.
  const words = new Uint32Array(6);
  const data = new Uint8Array(words.buffer);
  succeed(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), 'prctl PR_CAP_AMBIENT');
  succeed(capget(header, data), 'capget');
  const order = [0, 3, 1, 4, 2, 5];
  const sets = Uint32Array.from(order, (at) => words[at] ?? 0);
  change(sets);
  for (const [index, at] of order.entries()) words[at] = sets[index] ?? 0;
  succeed(capset(header, data), 'capset');
}
