// Loads a shared library by its soname, with an error that names the package. Runs in launcher and tests.
import koffi, { type LibraryHandle } from 'koffi';
import { PosternError } from '../errors.js';

/**
 * @param soname as in `libseccomp.so.2`
 * @param debianPackage the package that brings it on Debian and Ubuntu
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
