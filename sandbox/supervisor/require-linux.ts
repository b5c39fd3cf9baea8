// The least that postern needs of the machine, checked before anything is started.
import { release } from 'node:os';
import { PosternError } from '../../shared/errors.js';
import { loadLibrary } from '../../shared/sys/load-library.js';

const LEAST = [5, 14] as const;

/** @throws PosternError `old_kernel` before Linux 5.14, `missing_library` without libseccomp or libcap-ng */
export function requireLinux(version: string = release()): void {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  if (process.platform !== 'linux' || major < LEAST[0] || (major === LEAST[0] && minor < LEAST[1])) {
    throw new PosternError(
      'old_kernel',
      `postern needs Linux 5.14 or newer, and this is ${process.platform} ${version}`,
      {
        mend: 'boot a newer kernel',
      },
    );
  }
  loadLibrary('libseccomp.so.2', 'libseccomp2');
  loadLibrary('libcap-ng.so.0', 'libcap-ng0');
}
