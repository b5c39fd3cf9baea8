// Plans which files of the host the plugin sees, and where: a pure function of the configuration and the host's files.

import { dirname } from 'node:path';
import type { Unknown } from '../../../shared/config/plugin-config.js';
import { DEVICES, MESSAGE_QUEUES, type RootEntry } from '../../launch/spec.js';
import { type HostFiles, isWithin, moved } from '../files/host-files.js';
import { commandLinks, commandPaths, mayShow } from './command-paths.js';
import {
  deviceEntries,
  ETC_KEYS,
  etcEntries,
  PLUGIN_HOME,
  SCRATCH,
  type ScratchSizes,
  SYSTEM,
  scratchEntries,
} from './system-files.js';

interface RootRequest {
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
  const { layers, hiddenBy } = arrangeLayers(
    {
      wishes: wishesOf(request, cwdVisible, host),
      own: /* protects: G14 postern's own files are read-only within writable folders (as root) => [] */ ownPlaces(
        request,
        host,
      ),
      beneath,
      written: request.written,
    },
    host,
  );
  const isHidden = (path: string): boolean => hiddenBy(host.real(path) ?? path) !== undefined;
  const isDirectory = (path: string): boolean => host.kind(path) === 'directory';
  const writable = layers.filter(({ kind }) => kind === 'writable');
  const places = [...beneath, ...layers, ...SYSTEM.map((path) => ({ path }))].map(({ path }) => path);
  const links = commandLinks(request, host).filter(({ path }) => !places.some((one) => isWithin(path, one)));
  // A home directory shows where it is asked for.
  const isAsked = [...request.visible, ...request.writable].some((path) => isWithin(request.cwd, path));
  const startsThere = (cwdVisible || isAsked) && !isHidden(request.cwd);
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
    // protects: G14 private keys within what shows of /etc stay hidden
    ...byItself(ETC_KEYS, 'the private keys of the host', 'hidden'),
    ...asked('visible'),
    ...asked('writable'),
    ...asked('hidden'),
    ...withheld(
      /* protects: G14 home: it shows to its own plugin alone */ request.otherHomes ?? [],
      'the home of another plugin',
    ),
    // protects: G21 control: no plugin sees the control socket
    ...withheld(request.ownSockets ?? [], "postern's control socket"),
  ];
}

function ownPlaces({ ownFiles = [] }: RootRequest, host: HostFiles): readonly string[] {
  return ownFiles
    .flatMap((path) => host.real(path) ?? [])
    .flatMap((path) => [
      path,
      /* protects: G14 postern's own files are read-only below a bind mount too */ ...host.aliases(path),
    ]);
}

function homeEntries({ home }: RootRequest): RootEntry[] {
  if (home === undefined) return [];
  const whole = { directory: true, writable: true, asOwner: 'needed' } as const;
  return [{ kind: 'bind', path: PLUGIN_HOME, source: home, ...whole }];
}

function treeOf(entry: RootEntry): { readonly path: string; readonly source: string }[] {
  return entry.kind === 'bind' ? [{ path: entry.path, source: entry.source }] : [];
}

// Orders the shown and hidden paths in the plugin's root. Of nested paths the innermost wins. On one path hidden wins over writable,
// and writable over visible. A folder may have several names in the root: those of the operator's links, and the path without links. So what is hidden or
// protected is placed by its source: in every tree whose source holds it. Pure.

/** A path of the host to show or hide. */
interface Wish {
  readonly path: string;
  /** The option or rule behind it, for messages. */
  readonly because: string;
  readonly kind: 'visible' | 'writable' | 'hidden';
  /** The user named it: it wins over what shows or hides by itself. */
  readonly asked: boolean;
  /** Where postern is root, the plugin sees it as the owner of the path does. */
  readonly asOwner?: boolean;
}

/** One layer: the source that lies at `path` in the plugin's root. */
interface Layer {
  readonly path: string;
  /** The path on the host, links resolved. */
  readonly source: string;
  readonly because: string;
  readonly kind: Wish['kind'];
  /** As root, the owner whose files the plugin sees as its own; undefined where the ids stay as they are. */
  readonly owner?: string | undefined;
  readonly asked: boolean;
  /** The folder of the host whose owner counts, where it is not this one's own. */
  readonly ownerOf?: string;
}

type Resolved = Wish & { readonly real: string };
const RANK = { visible: 0, writable: 1, hidden: 2 } as const;

/** Finds the wish that hides a path of the host; the path has no links. */
type HiddenBy = (real: string) => string | undefined;

interface Layers {
  /** From the outside in: each layer lies upon the one that contains it. */
  readonly layers: readonly Layer[];
  readonly hiddenBy: HiddenBy;
}

/** What of the host lies at a path of the root. */
type Placed = Pick<Layer, 'path' | 'source'>;

interface Arranged {
  readonly wishes: readonly Wish[];
  /** postern's own files, by paths without links. */
  readonly own: readonly string[];
  /** The entries below the layers: the layers hide parts of them too. */
  readonly beneath: readonly Placed[];
  readonly written: readonly string[];
}

function arrangeLayers({ wishes, own, beneath: entries, written }: Arranged, host: HostFiles): Layers {
  const resolved = wishes.flatMap((wish) => resolveWish(wish, host));
  const governs = (real: string): Resolved | undefined => innermost(real, resolved);
  const isHidden = (real: string): boolean => governs(real)?.kind === 'hidden';
  // An entry that is hidden is not there, and nothing in it is covered.
  const beneath = entries.filter(({ source }) => !isHidden(host.real(source) ?? source));
  const shows = resolved.filter(({ kind, real }) => kind !== 'hidden' && !isHidden(real));
  const shown = place(shows, beneath, host);
  const writable = shown.filter(({ kind }) => kind === 'writable');
  const guarded = own
    .filter(
      (real) =>
        /* protects: G14 a file of postern's own shows nothing that is hidden => true */ !isHidden(real),
    )
    .map(ownWish);
  const hides = resolved.filter(({ kind, real }) => kind === 'hidden' && isHidden(real));
  const kept = withoutRepetitions([
    ...shown,
    // protects: G14 what is named within a writable folder lies at each name of the folder
    ...inTrees(shows, writable, host),
    ...inTrees(guarded, writable, host),
    ...inTrees(hides, [...beneath, ...shown], host),
  ]);
  const layers =
    /* protects: G14 folders above what is hidden within a writable one are pinned (as root) => kept */ pinned(
      kept,
    );
  const folders = [...written]
    .sort((a, b) => a.length - b.length)
    .map((path) => ({
      path,
      all: [
        path,
        /* protects: G14 what lies in a bind mount of a writable folder shows as the folder's owner sees it */ ...host.aliases(
          path,
        ),
      ],
    }));
  return {
    // protects: G14 what lies in a writable folder shows as the folder's owner sees it => layers
    layers: layers.map((layer) => withOuterOwner(layer, layers, folders, host)),
    hiddenBy: (real) => {
      const governing = governs(real);
      return governing?.kind === 'hidden' ? governing.because : undefined;
    },
  };
}

/** A hidden file is hidden at every path that leads to it. */
function resolveWish(wish: Wish, host: HostFiles): Resolved[] {
  const real = host.real(wish.path) ?? wish.path;
  const aliases = wish.kind === 'hidden' ? host.aliases(real) : [];
  return [real, ...aliases].map((path) => ({ ...wish, real: path }));
}

/** It shows only where the plugin could write it. */
function ownWish(path: string): Resolved {
  return { path, real: path, because: "postern's own file", kind: 'visible', asked: true };
}

/** The wish that decides about a path: the innermost that the user named; without one, the innermost of the others. */
function innermost(real: string, wishes: readonly Resolved[]): Resolved | undefined {
  const holding = wishes
    .filter((wish) => isWithin(real, wish.real))
    .sort((a, b) => a.real.length - b.real.length || RANK[a.kind] - RANK[b.kind]);
  return holding.findLast(({ asked }) => asked) ?? holding.at(-1);
}

/**
 * A wish shows at the path that was named. Where a link on the way shows too, it shows at the target of the link. Nothing is ever
 * attached through a link, which would lead into the host's files.
 */
function place(shown: readonly Resolved[], beneath: readonly Placed[], host: HostFiles): Layer[] {
  const placed: Layer[] = [];
  for (const wish of [...shown].sort((a, b) => a.path.length - b.path.length)) {
    const holds = ({ path }: Placed): boolean => path !== wish.path && isWithin(wish.path, path);
    const outer = placed.findLast(holds) ?? beneath.findLast(holds);
    const viaLink = SYSTEM.some((path) => isWithin(wish.path, path) && host.kind(path) === 'link');
    let path = wish.path;
    if (viaLink) path = wish.real;
    else if (outer !== undefined) {
      path = isWithin(wish.real, outer.source) ? moved(wish.real, outer.source, outer.path) : wish.real;
    }
    placed.push(layerOf(wish, path, host));
  }
  return placed;
}

/** Each wish at its place in every tree whose source holds it. */
function inTrees(wishes: readonly Resolved[], trees: readonly Placed[], host: HostFiles): Layer[] {
  return wishes.flatMap((wish) =>
    trees
      .filter(({ source }) => source !== wish.real && isWithin(wish.real, source))
      .map(({ path, source }) => layerOf(wish, moved(wish.real, source, path), host)),
  );
}

function layerOf({ real, because, kind, asked, asOwner }: Resolved, path: string, host: HostFiles): Layer {
  const owner = asOwner === true ? host.owner(real) : undefined;
  return { path, source: real, because, kind, owner, asked };
}

/**
 * What lies within a folder that a plugin may write, or could write before, shows as that folder's owner sees it, wherever it shows. The plugin could have
 * put another owner's file at a named path, and it must not read more of postern's own files because they are protected.
 */
function withOuterOwner(
  layer: Layer,
  layers: readonly Layer[],
  folders: readonly { readonly path: string; readonly all: readonly string[] }[],
  host: HostFiles,
): Layer {
  const isPart = layers.some(
    ({ kind, path }) => kind === 'writable' && path !== layer.path && isWithin(layer.path, path),
  );
  if (layer.owner === undefined && !isPart) return layer;
  const folder = folders.find(({ all }) =>
    all.some((one) => one !== layer.source && isWithin(layer.source, one)),
  );
  return folder === undefined ? layer : { ...layer, owner: host.owner(folder.path), ownerOf: folder.path };
}

/**
 * Pins the folders between a writable layer and each layer within it: a mount cannot be renamed or removed in the plugin's namespace. So what
 * the next start finds at a named path is what this one found there.
 */
function pinned(layers: readonly Layer[]): Layer[] {
  const taken = new Set(layers.map(({ path }) => path));
  const pins = layers.flatMap((layer, index) => {
    const outer = layers.slice(0, index).findLast(({ path }) => isWithin(layer.path, path));
    if (outer?.kind !== 'writable') return [];
    return foldersBetween(outer.path, layer.path)
      .filter((path) => !taken.has(path) && taken.add(path))
      .map((path): Layer => ({ ...outer, path, source: moved(path, outer.path, outer.source) }));
  });
  return [...layers, ...pins].sort((a, b) => a.path.length - b.path.length);
}

/** Neither of the two is among them. */
function foldersBetween(outer: string, inner: string): string[] {
  const folders: string[] = [];
  for (let path = dirname(inner); path !== outer; path = dirname(path)) folders.push(path);
  return folders;
}

/**
 * Keeps the last of several on one path, and drops those that the next outer layer shows or hides in the same way. A writable one within another
 * stays: as a mount it is pinned.
 */
function withoutRepetitions(layers: readonly Layer[]): Layer[] {
  const kept: Layer[] = [];
  const sorted = [...layers].sort((a, b) => a.path.length - b.path.length || RANK[a.kind] - RANK[b.kind]);
  for (const layer of new Map(sorted.map((one) => [one.path, one])).values()) {
    const outer = kept.findLast(({ path }) => isWithin(layer.path, path));
    const isWhole = layer.owner === undefined || layer.owner === outer?.owner;
    const isPinned =
      /* protects: G14 a writable path within another one is pinned => false */ layer.kind === 'writable';
    if (outer === undefined || outer.kind !== layer.kind || !isWhole || isPinned) kept.push(layer);
    else if (layer.asked) kept[kept.indexOf(outer)] = { ...outer, asked: true };
  }
  return kept;
}
