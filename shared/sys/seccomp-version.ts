// The version of libseccomp, seccomp_version(3). For `postern doctor`.
import koffi from 'koffi';
import { loadLibrary } from './load-library.js';

/**
 * @returns as in `2.5.4`
 * @throws PosternError `missing_library`
 */
export function seccompVersion(): string {
  const version = loadLibrary('libseccomp.so.2', 'libseccomp2').func('void *seccomp_version()');
  // SAFETY: struct scmp_version has three unsigned ints, and lies in the library as long as that is loaded.
  return Array.from(koffi.decode(version(), 'uint', 3) as ArrayLike<number>).join('.');
}
