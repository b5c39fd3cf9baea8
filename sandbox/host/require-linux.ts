// Checks the minimum that postern needs of the machine, before anything is started.

import { release } from 'node:os';
import { PosternError } from '../../shared/errors.js';
import { loadLibrary } from '../../shared/sys/load-library.js';

/** The libraries of the host that postern loads, each with its package on Debian. */
export const LIBRARIES = [
  ['libseccomp.so.2', 'libseccomp2'],
  ['libcap-ng.so.0', 'libcap-ng0'],
] as const;

/** @throws PosternError `old_kernel` before Linux 5.14, `missing_library` without libseccomp or libcap-ng */
export function requireLinux(version: string = release()): void {
  if (!isKernelNewEnough(process.platform, version)) {
    throw new PosternError(
      'old_kernel',
      `postern needs Linux ${LEAST_KERNEL} or newer, and this is ${process.platform} ${version}`,
      { fix: 'boot a newer kernel' },
    );
  }
  for (const [soname, debianPackage] of LIBRARIES) loadLibrary(soname, debianPackage);
}

// The oldest kernel that postern runs on.

const LEAST = [5, 14] as const;
export const LEAST_KERNEL: string = LEAST.join('.');

/** @param release as uname(2) returns it: `6.1.0-13-amd64` */
export function isKernelNewEnough(platform: string, release: string): boolean {
  const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10));
  return platform === 'linux' && (major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1]));
}
