// Loads a shared library by its soname, and tells which ones this process has loaded. An error names the package. Runs in launcher, supervisor and
// broker.
import koffi, { type LibraryHandle } from 'koffi';
import { PosternError } from '../errors.js';
import { LAYOUT } from './layout.js';

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

const { dlpi_name: NAME } = LAYOUT['struct dl_phdr_info'];
let iterate: ReturnType<LibraryHandle['func']> | undefined;

/**
 * The libraries of this process, dl_iterate_phdr(3): absolute paths as the loader has found them, with links on the way. Those of Node and of native
 * modules are among them.
 */
export function loadedLibraries(): readonly string[] {
  // Without names: two bundles in one process would both register them.
  iterate ??= koffi
    .load(null)
    .func('dl_iterate_phdr', 'int', [
      koffi.pointer(koffi.proto('int', ['void *', 'size_t', 'void *'])),
      'void *',
    ]);
  const names: string[] = [];
  // SAFETY: the callback runs within the call, on this thread, and keeps nothing. The loader's lock is held meanwhile: it must load nothing.
  iterate((info: bigint): number => {
    names.push(String(koffi.decode(info, NAME, 'const char *')));
    return 0;
  }, null);
  // The program itself has no name, and the kernel's part no path.
  return names.filter((name) => name.startsWith('/'));
}
