// Decides what of the host the plugin sees and where: a pure function of the configuration and of what is there.
import { dirname, resolve } from 'node:path';
import type { RootEntry } from '../launch/spec.js';
import type { HostFiles } from './host-files.js';
import { isWithin } from './path-within.js';
import { arrangeLayers, type HiddenBy, type Wish } from './root-layers.js';
import {
  DEVICES,
  deviceEntries,
  etcEntries,
  SCRATCH,
  type ScratchSizes,
  SYSTEM,
  scratchEntries,
} from './system-files.js';

export interface RootRequest {
  /** Absolute path of the program, where the host's PATH or the working directory has it. */
  readonly program: string | undefined;
  readonly cwd: string;
  /** The home directories of this host: they and what is above them never become visible by themselves. */
  readonly homes: readonly string[];
  /** Those of whoever starts postern: hidden where the system's folders hold them. */
  readonly ownHomes: readonly string[];
  readonly visible: readonly string[];
  readonly writable: readonly string[];
  readonly hidden: readonly string[];
  readonly sizes: ScratchSizes;
  readonly uid: number;
  readonly gid: number;
}

export interface RootPlan {
  readonly entries: readonly RootEntry[];
  readonly writableDirectories: readonly string[];
  readonly writableFiles: readonly string[];
  /** Where the plugin starts, and whether that is the working directory asked for. */
  readonly cwd: string;
  readonly cwdVisible: boolean;
  /** The host's paths that show, links resolved, with the reason that the user can change. */
  readonly sources: readonly { readonly path: string; readonly because: string }[];
  readonly hiddenBy: HiddenBy;
}

/** The kernel's own bound on links in a path, path_resolution(7). */
const MAX_LINKS = 40;
/** The sandbox's own: no working directory is shown in the place of one of these, or above it. */
const OWN = [...SCRATCH.map(({ path }) => path), '/dev', '/proc', '/sys', '/etc'];

/** @returns what the launcher makes, in order */
export function planRoot(request: RootRequest, host: HostFiles): RootPlan {
  const cwdVisible = mayShow(request.cwd, request.homes, host);
  const etc = etcEntries(request, host);
  const { layers, hiddenBy } = arrangeLayers(wishesOf(request, cwdVisible, host), etc.flatMap(treeOf), host);
  const isHidden = (path: string): boolean => hiddenBy(host.real(path) ?? path) !== undefined;
  const isDirectory = (path: string): boolean => host.kind(path) === 'directory';
  const writable = layers.filter(({ kind }) => kind === 'writable');
  const startsThere = cwdVisible && !isHidden(request.cwd);
  return {
    entries: [
      ...scratchEntries(request.sizes),
      { kind: 'directory', path: '/var/tmp', mode: 0o1777 },
      { kind: 'symlink', path: '/var/run', to: '../run' },
      ...SYSTEM.filter((path) => host.kind(path) === 'link').map(
        (path) => ({ kind: 'symlink', path, to: host.readLink(path) }) as const,
      ),
      ...etc.filter((entry) => entry.kind !== 'bind' || !isHidden(entry.source)),
      ...deviceEntries(host),
      ...layers.map(
        ({ path, source, kind }): RootEntry =>
          kind === 'hidden'
            ? { kind: 'mask', path, directory: isDirectory(source) }
            : { kind: 'bind', path, source, directory: isDirectory(source), writable: kind === 'writable' },
      ),
    ],
    writableDirectories: [
      ...SCRATCH.map(({ path }) => path),
      '/dev/pts',
      ...writable.filter(({ source }) => isDirectory(source)).map(({ path }) => path),
    ],
    writableFiles: [
      ...DEVICES.map((name) => `/dev/${name}`),
      ...writable.filter(({ source }) => !isDirectory(source)).map(({ path }) => path),
    ],
    cwd: startsThere ? request.cwd : '/tmp',
    cwdVisible: startsThere,
    sources: layers
      .filter(({ kind }) => kind !== 'hidden')
      .map(({ source, because }) => ({ path: source, because })),
    hiddenBy,
  };
}

function wishesOf(request: RootRequest, cwdVisible: boolean, host: HostFiles): readonly Wish[] {
  const byItself = (paths: readonly string[], because: string, kind: Wish['kind'] = 'visible'): Wish[] =>
    paths
      .filter((path) => host.real(path) !== undefined)
      .map((path) => ({ path, because, kind, asked: false }));
  const asked = (kind: Wish['kind']): Wish[] =>
    request[kind].map((path) => ({ path, because: `--${kind} ${path}`, kind, asked: true }));
  const inSystem = (path: string): boolean =>
    SYSTEM.some((folder) => path !== folder && isWithin(path, folder));
  return [
    ...byItself(
      SYSTEM.filter((path) => host.kind(path) === 'directory'),
      'the system',
    ),
    ...byItself(commandPaths(request, host), "the command's own files"),
    ...byItself(cwdVisible ? [request.cwd] : [], 'the working directory (--cwd)'),
    ...byItself(
      request.ownHomes.filter((home) => inSystem(host.real(home) ?? home)),
      'a home directory',
      'hidden',
    ),
    ...asked('visible'),
    ...asked('writable'),
    ...asked('hidden'),
  ];
}

function treeOf(entry: RootEntry): { readonly path: string; readonly source: string }[] {
  return entry.kind === 'bind' ? [{ path: entry.path, source: entry.source }] : [];
}

/** Not `/`, not a home directory or above one, not a place that the sandbox fills itself. */
function mayShow(path: string, homes: readonly string[], host: HostFiles): boolean {
  const real = host.real(path);
  if (real === undefined) return false;
  // A link to a folder shows the folder.
  if (real !== path && !mayShow(real, homes, host)) return false;
  const folder = host.real('/home') ?? '/home';
  const kept = [...homes, ...homes.map((home) => host.real(home) ?? home), folder, ...OWN];
  return (
    !kept.some((one) => isWithin(one, path)) &&
    // A person's whose name is kept elsewhere than in /etc/passwd.
    dirname(path) !== folder &&
    !['/proc', '/sys', '/dev'].some((own) => isWithin(path, own))
  );
}

/** The path as found, each path that its links lead to, and where they end: version managers chain several. */
export function steps(program: string, host: HostFiles): ReadonlySet<string> {
  const paths = new Set([program]);
  for (let path = program; host.kind(path) === 'link' && paths.size < MAX_LINKS; ) {
    path = resolve(dirname(path), host.readLink(path));
    paths.add(path);
  }
  return paths.add(host.real(program) ?? program);
}

/** What shows a program: the parent of its `bin` directory, or it alone. */
export function prefixOf(path: string, homes: readonly string[], host: HostFiles): string {
  const folder = dirname(path);
  const prefix = resolve(folder, '..');
  return folder.endsWith('/bin') && mayShow(prefix, homes, host) ? prefix : path;
}

function commandPaths({ program, homes }: RootRequest, host: HostFiles): readonly string[] {
  if (program === undefined) return [];
  return [...new Set([...steps(program, host)].map((path) => prefixOf(path, homes, host)))];
}
