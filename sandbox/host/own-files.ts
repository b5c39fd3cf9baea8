// The files that postern itself runs and loads: its code, its libraries, its Node, the programs of the host that it starts, and the command that was
// typed. Who changes one of them, or a link on the way to one, runs outside of every sandbox at the next start. So does who puts a file where postern
// looks first.

import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve, sep } from 'node:path';
import { bundlePath, DIST } from '../../shared/bundles.js';
import { loadedLibraries, loadLibrary } from '../../shared/sys/load-library.js';
import { findProgram, isExecutable, SYSTEM_PATH } from './find-program.js';
import { LIBRARIES } from './require-linux.js';

export interface OwnFiles {
  /** Absolute paths of files and folders, as they are looked up: links on the way are not resolved. */
  readonly files: readonly string[];
  /** Folders in which programs and libraries of postern lie beside others, likewise: a plugin writes nothing there. */
  readonly folders?: readonly string[];
  /** Absolute paths where postern would find one of them first, but nothing is there yet. */
  readonly searched: readonly string[];
  /** The folders of the program of `ask.hook`, and those from which it may load something: they lie apart from what a plugin may write. */
  readonly hook?: readonly string[];
  /** Control sockets and the folder of this user's: no plugin sees or reaches one. */
  readonly sockets?: readonly string[];
  /** Those of `files` that postern has read: the configuration and its presets. */
  readonly read?: readonly string[];
  /** Those of `files` that run outside of every sandbox: postern's program, and those of `ask.hook` and of secrets. */
  readonly program?: readonly string[];
}

const MODULES = `${sep}node_modules`;
/** The programs of the host that supervisor, launcher and init start. */
const HELPERS = ['unshare', 'nsenter', 'setpriv', 'sh', 'sleep', 'dd', 'cat'];
/** They name libraries that ld.so(8), and the OpenSSL in Node, load. */
const LOADER = [
  ...['/etc/ld.so.preload', '/etc/ld.so.cache', '/etc/ld.so.conf', '/etc/ld.so.conf.d'],
  '/etc/ssl/openssl.cnf',
];

export function ownProgramFiles(): OwnFiles {
  const top = dirname(DIST);
  const [, typed = bundlePath('postern')] = process.argv;
  const library = libraryFiles();
  const node = nodeInPath(process.env['PATH'] ?? '');
  const given = libraryFolders(
    /* protects: G14 a folder of LD_LIBRARY_PATH is postern's own (as root) */ process.env[
      'LD_LIBRARY_PATH'
    ] ?? '',
  );
  const loaded = allLibraries();
  const system = byPresence([
    // protects: G14 the folders of the programs that postern starts are its own (as root)
    ...SYSTEM_PATH.split(':'),
    // protects: G14 a folder from which a library was loaded is postern's own
    ...loaded.flatMap((file) => [dirname(file), dirname(realOf(file))]),
  ]);
  const loader = byPresence(
    /* protects: G14 no plugin writes what names libraries to the loader (as root) => [] */ LOADER,
  );
  return {
    files: [
      // In a checkout other things lie beside the compiled files.
      ...(top.includes(`${MODULES}${sep}`) ? [top] : [DIST, join(top, 'package.json')]),
      // protects: G14 the native library's folder is postern's own
      ...library.files,
      process.execPath,
      ...node.files,
      ...given.files,
      ...loader.files,
      // protects: G14 a hard link to a library or a program that postern starts is not writable
      ...[...loaded, ...HELPERS.flatMap((name) => findProgram(name, '/', SYSTEM_PATH) ?? [])],
      // protects: G14 the way to the command that was typed counts
      typed,
      // npm's links to commands, and pnpm's scripts. A link cannot be covered, so its folder is.
      ...foldersAbove(typed)
        .filter((folder) => folder.endsWith(MODULES))
        .map((folder) => join(folder, '.bin')),
    ],
    folders: system.files,
    searched: [
      ...library.searched,
      /* protects: G14 a writable folder before Node's in PATH is refused */ ...node.searched,
      ...given.searched,
      ...loader.searched,
      ...system.searched,
    ],
  };
}

/** koffi is two packages: the native one lies beside it. */
function libraryFiles(): OwnFiles {
  const launcher = bundlePath('launcher');
  const entry = createRequire(launcher).resolve('koffi');
  const library = packagePlaces('koffi', launcher);
  const native = packagePlaces(`@koromix/koffi-${process.platform}-${process.arch}`, entry);
  return {
    files: [
      ...[library.found ?? [], dirname(entry)].flat(),
      // Node prefers a file "koffi-linux-x64.js" to the folder of that name, so the folder of the whole scope counts.
      ...(native.found === undefined ? [] : [dirname(native.found), native.found]),
    ],
    searched: [...library.searched, ...native.searched],
  };
}

/** Those of Node, and those that a start loads. `check` loads them here. */
function allLibraries(): readonly string[] {
  for (const [soname, debianPackage] of LIBRARIES) {
    try {
      loadLibrary(soname, debianPackage);
    } catch {
      // Without it nothing starts.
    }
  }
  return loadedLibraries();
}

/** deploy/command.sh finds Node in PATH. */
function nodeInPath(path: string): OwnFiles {
  const searched: string[] = [];
  for (const folder of path.split(':')) {
    const place = resolve(folder, 'node');
    if (isExecutable(place)) return { files: [place], searched };
    searched.push(place);
  }
  return { files: [], searched: [] };
}

/** Where the libraries of Node and of postern are searched first, ld.so(8): each file there counts, and each that could come there. */
function libraryFolders(path: string): OwnFiles {
  return byPresence(path === '' ? [] : path.split(/[:;]/).map((folder) => resolve(folder)));
}

function byPresence(paths: readonly string[]): OwnFiles {
  const all = [...new Set(paths)];
  return {
    files: all.filter((path) => existsSync(path)),
    searched: all.filter((path) => !existsSync(path)),
  };
}

/** A library may have been removed since it was loaded. */
function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function foldersAbove(path: string): string[] {
  const folder = dirname(path);
  return folder === path ? [] : [folder, ...foldersAbove(folder)];
}

// Where Node looks for a package: the places in order, as `require` finds it.

interface PackagePlaces {
  /** Nothing is there. A package there would be loaded instead. */
  readonly searched: readonly string[];
  /** The package's folder, or a link to it. */
  readonly found?: string;
}

/** @param from the file that loads the package */
function packagePlaces(name: string, from: string): PackagePlaces {
  const searched: string[] = [];
  for (const folder of createRequire(from).resolve.paths(name) ?? []) {
    const place = join(folder, name);
    if (existsSync(place)) return { searched, found: place };
    searched.push(place);
  }
  return { searched };
}
