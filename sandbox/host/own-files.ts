// The files that postern itself runs: its code, the library that it loads, its Node, and the command that was typed. Who changes one of
// them, or a link on the way to one, runs outside of every sandbox at the next start. So does who puts a file where postern looks first.
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve, sep } from 'node:path';
import { bundlePath, DIST } from '../../shared/own-files.js';
import { packagePlaces } from './package-places.js';

export interface OwnFiles {
  /** Absolute paths of files and folders, as they are looked up: links on the way are not resolved. */
  readonly files: readonly string[];
  /** Absolute paths where postern would find one of them first, but nothing is there yet. */
  readonly searched: readonly string[];
  /** Control sockets and the folder of this user's: no plugin sees or reaches one. */
  readonly sockets?: readonly string[];
  /** Those of `files` that postern has read: the configuration and its presets. */
  readonly read?: readonly string[];
}

const MODULES = `${sep}node_modules`;

export function ownProgramFiles(): OwnFiles {
  const top = dirname(DIST);
  const [, typed = bundlePath('postern')] = process.argv;
  const library = libraryFiles();
  const node = nodeInPath(process.env['PATH'] ?? '');
  const folders = libraryFolders(
    /* protects: G14 a folder of LD_LIBRARY_PATH is postern's own (as root) */ process.env[
      'LD_LIBRARY_PATH'
    ] ?? '',
  );
  return {
    files: [
      // In a checkout other things lie beside the compiled files.
      ...(top.includes(`${MODULES}${sep}`) ? [top] : [DIST, join(top, 'package.json')]),
      // protects: G14 the native library's folder is postern's own
      ...library.files,
      process.execPath,
      ...node.files,
      ...folders.files,
      // protects: G14 the way to the command that was typed counts
      typed,
      // npm's links to commands, and pnpm's scripts. A link cannot be covered, so its folder is.
      ...foldersAbove(typed)
        .filter((folder) => folder.endsWith(MODULES))
        .map((folder) => join(folder, '.bin')),
    ],
    searched: [
      ...library.searched,
      /* protects: G14 a writable folder before Node's in PATH is refused */ ...node.searched,
      ...folders.searched,
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
      ...loadedModules().map((file) => dirname(file)),
    ],
    searched: [...library.searched, ...native.searched],
  };
}

/** The native modules that this process has mapped, proc_pid_maps(5). */
function loadedModules(): string[] {
  const mapped = readFileSync('/proc/self/maps', 'utf8').matchAll(/ (\/.*\.node)$/gm);
  return [...new Set([...mapped].flatMap(([, path]) => path ?? []))];
}

/** deploy/command.sh finds Node in PATH. */
function nodeInPath(path: string): OwnFiles {
  const searched: string[] = [];
  for (const folder of path.split(':')) {
    const place = resolve(folder, 'node');
    if (isProgram(place)) return { files: [place], searched };
    searched.push(place);
  }
  return { files: [], searched: [] };
}

/** Where the libraries of Node and of postern are searched first, ld.so(8): each file there counts, and each that could come there. */
function libraryFolders(path: string): OwnFiles {
  const folders = path === '' ? [] : path.split(/[:;]/).map((folder) => resolve(folder));
  return {
    files: folders.filter((folder) => existsSync(folder)),
    searched: folders.filter((folder) => !existsSync(folder)),
  };
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function foldersAbove(path: string): string[] {
  const folder = dirname(path);
  return folder === path ? [] : [folder, ...foldersAbove(folder)];
}
