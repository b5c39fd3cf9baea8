// Plans which files of the host the plugin sees, and where: a pure function of the configuration and the host's files.
import type { Unknown } from '../../../shared/config/plugin-config.js';
import { MESSAGE_QUEUES, type RootEntry } from '../../launch/spec.js';
import type { HostFiles } from '../files/host-files.js';
import { isWithin } from '../files/path-within.js';
import { commandLinks, commandPaths, mayShow } from './command-paths.js';
import { arrangeLayers, type HiddenBy, type Wish } from './root-layers.js';
import {
  DEVICES,
  deviceEntries,
  etcEntries,
  PLUGIN_HOME,
  SCRATCH,
  type ScratchSizes,
  SYSTEM,
  scratchEntries,
} from './system-files.js';

export interface RootRequest {
  /** The absolute path of the program, found by the host's PATH or the working directory. */
  readonly program: string | undefined;
  readonly cwd: string;
  /** The home directories of this host: they and the folders above them show only when they are named. */
  readonly homes: readonly string[];
  /** The home directories of the user who starts postern: hidden where the system's folders contain them. */
  readonly ownHomes: readonly string[];
  readonly visible: readonly string[];
  readonly writable: readonly string[];
  /** What any plugin may write, or could write before, by paths without links. */
  readonly written: readonly string[];
  readonly hidden: readonly string[];
  /** The folder of the host that is the plugin's home, by a path without links. */
  readonly home?: string | undefined;
  /** The kept homes of other plugins: a home shows only to its own plugin. */
  readonly otherHomes?: readonly string[];
  /** Files and folders of postern's: its code, its configuration, its audit file. They are read-only wherever the plugin may write. */
  readonly ownFiles?: readonly string[];
  /** Control sockets and their folder: they show nowhere. */
  readonly ownSockets?: readonly string[];
  readonly sizes: ScratchSizes;
  /** `ask`: look-ups may wait. Missing: `deny`. */
  readonly unknown?: Unknown | undefined;
  readonly uid: number;
  readonly gid: number;
}

export interface RootPlan {
  readonly entries: readonly RootEntry[];
  readonly writableDirectories: readonly string[];
  readonly writableFiles: readonly string[];
  /** The folder in which the plugin starts, and whether that is the configured working directory. */
  readonly cwd: string;
  readonly cwdVisible: boolean;
  readonly hiddenBy: HiddenBy;
}

/** @param host without the links that a plugin could have made @returns the entries for the launcher, in order */
export function planRoot(request: RootRequest, host: HostFiles): RootPlan {
  const cwdVisible = mayShow(request.cwd, request.homes, host);
  const etc = etcEntries(request, host);
  const home = homeEntries(request);
  const beneath = [...etc, ...home].flatMap(treeOf);
  const { layers, hiddenBy } = arrangeLayers(wishesOf(request, cwdVisible, host), beneath, host);
  const isHidden = (path: string): boolean => hiddenBy(host.real(path) ?? path) !== undefined;
  const isDirectory = (path: string): boolean => host.kind(path) === 'directory';
  const writable = layers.filter(({ kind }) => kind === 'writable');
  const places = [...beneath, ...layers, ...SYSTEM.map((path) => ({ path }))].map(({ path }) => path);
  const links = commandLinks(request, host).filter(({ path }) => !places.some((one) => isWithin(path, one)));
  const startsThere = cwdVisible && !isHidden(request.cwd);
  return {
    entries: [
      ...scratchEntries(request.sizes).filter(({ path }) => path !== PLUGIN_HOME || home.length === 0),
      ...home,
      { kind: 'directory', path: '/var/tmp', mode: 0o1777 },
      { kind: 'symlink', path: '/var/run', to: '../run' },
      ...SYSTEM.filter((path) => host.kind(path) === 'link').map(
        (path) => ({ kind: 'symlink', path, to: host.readLink(path) }) as const,
      ),
      ...etc.filter((entry) => entry.kind !== 'bind' || !isHidden(entry.source)),
      ...deviceEntries(host),
      ...layers.map(
        ({ path, source, kind, owner, asked, ownerOf }): RootEntry =>
          kind === 'hidden'
            ? { kind: 'mask', path, directory: isDirectory(source) }
            : {
                kind: 'bind',
                path,
                source,
                directory: isDirectory(source),
                writable: kind === 'writable',
                ...(ownerOf === undefined ? {} : { ownerOf }),
                ...(owner === undefined ? {} : { asOwner: asked ? 'asked' : 'by itself' }),
              },
      ),
      ...links.map((link): RootEntry => ({ kind: 'symlink', ...link })),
    ],
    writableDirectories: [
      ...SCRATCH.map(({ path }) => path),
      '/dev/pts',
      MESSAGE_QUEUES,
      ...writable.filter(({ source }) => isDirectory(source)).map(({ path }) => path),
    ],
    writableFiles: [
      ...DEVICES.map((name) => `/dev/${name}`),
      ...writable.filter(({ source }) => !isDirectory(source)).map(({ path }) => path),
    ],
    cwd: startsThere ? request.cwd : '/tmp',
    cwdVisible: startsThere,
    hiddenBy,
  };
}

function wishesOf(request: RootRequest, cwdVisible: boolean, host: HostFiles): readonly Wish[] {
  const byItself = (paths: readonly string[], because: string, kind: Wish['kind'] = 'visible'): Wish[] =>
    paths
      .filter((path) => host.real(path) !== undefined)
      .map((path) => ({ path, because, kind, asked: false }));
  /** Also where the user names it. */
  const withheld = (paths: readonly string[], because: string): Wish[] =>
    byItself(paths, because, 'hidden').map((wish) => ({ ...wish, asked: true }));
  const asked = (kind: Wish['kind']): Wish[] =>
    request[kind].map((path) => ({ path, because: `--${kind} ${path}`, kind, asked: true, asOwner: true }));
  const inSystem = (path: string): boolean =>
    SYSTEM.some((folder) => path !== folder && isWithin(path, folder));
  return [
    ...byItself(
      SYSTEM.filter((path) => host.kind(path) === 'directory'),
      'the system',
    ),
    ...byItself(commandPaths(request, host), "the command's own files"),
    ...byItself(cwdVisible ? [request.cwd] : [], 'the working directory (--cwd)').map((wish) => ({
      ...wish,
      asOwner: true,
    })),
    ...byItself(
      request.ownHomes.filter((home) => inSystem(host.real(home) ?? home)),
      'a home directory',
      'hidden',
    ),
    ...asked('visible'),
    ...asked('writable'),
    // protects: G14 postern's own files are read-only within writable folders (as root)
    ...protectedFiles(request, host),
    ...asked('hidden'),
    ...withheld(
      /* protects: G14 home: it shows to its own plugin alone */ request.otherHomes ?? [],
      'the home of another plugin',
    ),
    // protects: G21 control: no plugin sees the control socket
    ...withheld(request.ownSockets ?? [], "postern's control socket"),
  ];
}

/** Only what lies within a writable folder: elsewhere the plugin does not write, and sees no more for it. */
function protectedFiles({ ownFiles = [], writable }: RootRequest, host: HostFiles): Wish[] {
  const folders = writable.map((path) => host.real(path) ?? path);
  return ownFiles
    .flatMap((path) => host.real(path) ?? [])
    .flatMap((path) => [
      path,
      /* protects: G14 postern's own files are read-only below a bind mount too */ ...host.aliases(path),
    ])
    .filter((path) => folders.some((folder) => path !== folder && isWithin(path, folder)))
    .map((path) => ({ path, because: "postern's own file", kind: 'visible', asked: true }));
}

function homeEntries({ home }: RootRequest): RootEntry[] {
  if (home === undefined) return [];
  const whole = { directory: true, writable: true, asOwner: 'needed' } as const;
  return [{ kind: 'bind', path: PLUGIN_HOME, source: home, ...whole }];
}

function treeOf(entry: RootEntry): { readonly path: string; readonly source: string }[] {
  return entry.kind === 'bind' ? [{ path: entry.path, source: entry.source }] : [];
}
