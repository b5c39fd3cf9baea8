// libcap-ng: clears and locks every capability set of the calling thread, capabilities(7). Runs in the launcher.
import { readFileSync } from 'node:fs';
import koffi from 'koffi';
import { PosternError } from '../errors.js';
import { loadLibrary } from './load-library.js';

/** capng_select_t: traditional sets, bounding set, ambient set. */
const CAPNG_SELECT_ALL = 16 | 32 | 64;

/**
 * Locks the securebits (no root, no set-uid fix-up), then clears effective, permitted, inheritable, bounding and
 * ambient set. What is left is read back from the kernel.
 *
 * @throws PosternError `capabilities` where a set is not empty afterwards, or the library is missing
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
