// Loads a shared library by its soname. An error names the package. Runs in launcher, supervisor and broker.
import koffi, { type LibraryHandle } from 'koffi';
import { PosternError } from '../errors.js';

/**
 * @param soname as in `libseccomp.so.2`
 * @param debianPackage its package on Debian and Ubuntu
 */
export function loadLibrary(soname: string, debianPackage: string): LibraryHandle {
  try {
    return koffi.load(soname);
  } catch (cause) {
    throw new PosternError('missing_library', `Cannot load "${soname}"`, {
      fix: `install it: apt-get install ${debianPackage}, or your distribution's package of that library`,
      cause,
    });
  }
}
