// Lists the paths of the host that a command shows by itself: the prefix of its program, or the program alone, for each link on
// the way to it. A program that a plugin may have put where it is shows no prefix: the plugin could choose what lies around it. Pure.

import { basename, dirname, resolve } from 'node:path';
import { type HostFiles, isWithin } from '../files/host-files.js';
import { allPlaces, leadsThrough } from '../files/places-passed.js';
import { SCRATCH } from './system-files.js';

interface Command {
  /** The absolute path of the program on the host. */
  readonly program: string | undefined;
  /** The home directories of this host: they and the folders above them show only when they are named. */
  readonly homes: readonly string[];
  /** What plugins may write, by paths without links: they choose where a link there leads. */
  readonly written: readonly string[];
}

/** The kernel follows no more links in a path, path_resolution(7). */
const MAX_LINKS = 40;
/** Folders that the sandbox fills itself: a working directory at or above one of them is not shown. */
const OWN = [...SCRATCH.map(({ path }) => path), '/dev', '/proc', '/sys', '/etc'];

/** A folder may show by itself unless it is `/`, a home directory, above one, or a folder that the sandbox fills itself. */
export function mayShow(path: string, homes: readonly string[], host: HostFiles): boolean {
  const real = host.real(path);
  if (real === undefined) return false;
  // The target of a link shows.
  if (real !== path && !mayShow(real, homes, host)) return false;
  const folder = host.real('/home') ?? '/home';
  const kept = /* protects: G14 a home directory shows by no default => [...OWN] */ [
    ...homes,
    ...homes.map((home) => host.real(home) ?? home),
    folder,
    ...OWN,
  ];
  return (
    !kept.some((one) => isWithin(one, path)) &&
    // The home of a person who is not in /etc/passwd.
    dirname(path) !== folder &&
    !['/proc', '/sys', '/dev'].some((own) => isWithin(path, own))
  );
}

/** The path itself, each path that its links lead to, and the last one: version managers chain several links. */
export function steps(program: string, host: HostFiles): ReadonlySet<string> {
  const paths = new Set([program]);
  for (let path = program; host.kind(path) === 'link' && paths.size < MAX_LINKS; ) {
    path = targetOf(path, host);
    paths.add(path);
  }
  return paths.add(host.real(program) ?? program);
}

/** The path that shows a program: the parent of its `bin` directory, or the program alone. */
export function prefixOf(path: string, homes: readonly string[], host: HostFiles): string {
  const folder = dirname(path);
  const prefix = resolve(folder, '..');
  return folder.endsWith('/bin') && mayShow(prefix, homes, host) ? prefix : path;
}

/** The paths of the host that show. */
export function commandPaths(command: Command, host: HostFiles): readonly string[] {
  return stepsAndPrefixes(command, host).flatMap(({ path, prefix }) =>
    isLoneLink(path, prefix, host) ? [] : [prefix],
  );
}

/**
 * Links that no prefix shows. They stay links: a program shown in place of its link would search its files beside the link, by
 * /proc/self/exe or the loader's $ORIGIN.
 */
export function commandLinks(
  command: Command,
  host: HostFiles,
): readonly { readonly path: string; readonly to: string }[] {
  return stepsAndPrefixes(command, host).flatMap(({ path, prefix }) =>
    isLoneLink(path, prefix, host) ? [{ path, to: targetOf(path, host) }] : [],
  );
}

function stepsAndPrefixes(
  { program, homes, written }: Command,
  host: HostFiles,
): { readonly path: string; readonly prefix: string }[] {
  if (program === undefined) return [];
  return stepsBeforePlugins(program, written, host).map((path) => ({
    path,
    prefix:
      /* protects: G14 a program in a folder that a plugin may write shows no prefix => false */ leadsThrough(
        path,
        written,
        host,
      )
        ? path
        : prefixOf(path, homes, host),
  }));
}

/** The steps up to the first link that a plugin may write: what lies behind it does not show by itself. */
function stepsBeforePlugins(program: string, written: readonly string[], host: HostFiles): string[] {
  const isPlugins = (place: string): boolean =>
    host.kind(place) === 'link' && written.some((folder) => place !== folder && isWithin(place, folder));
  const kept: string[] = [];
  for (const path of steps(program, host)) {
    if (allPlaces(dirname(path), host).some(isPlugins)) break;
    kept.push(path);
    // protects: G14 a link in the plugin's folder shows nothing by itself (as root)
    if (isPlugins(path)) break;
  }
  return kept;
}

function isLoneLink(path: string, prefix: string, host: HostFiles): boolean {
  return path === prefix && host.kind(path) === 'link' && host.real(path) !== undefined;
}

function targetOf(link: string, host: HostFiles): string {
  const folder = dirname(link);
  return resolve(host.real(folder) ?? folder, host.readLink(link));
}

// Recognises the shim of a version manager: a small program that looks up the real one in the manager's folder. That folder lies
// in a home directory, and so does not show. Pure.

interface Shim {
  /** The manager, for example `pyenv`. */
  readonly manager: string;
  /** The manager's folder. */
  readonly root: string;
  /** Whether the shim names the folder itself: then it is enough to show it. Other shims look in HOME. */
  readonly namesRoot: boolean;
}

/** Managers whose shims are scripts that set NAME_ROOT. */
const NAMES_ROOT = ['pyenv', 'rbenv', 'nodenv', 'goenv', 'plenv', 'phpenv', 'luaenv'];
const LOOKS_IN_HOME = ['asdf', 'mise', 'rtx'];

export function findShim(program: string, host: HostFiles): Shim | undefined {
  for (const path of steps(program, host)) {
    const folder = dirname(path);
    const root = dirname(folder);
    if (basename(path) === 'volta-shim') return { manager: 'volta', root, namesRoot: false };
    if (basename(folder) !== 'shims') continue;
    const manager = basename(root).replace(/^\./, '');
    if (NAMES_ROOT.includes(manager)) return { manager, root, namesRoot: true };
    if (LOOKS_IN_HOME.includes(manager)) return { manager, root, namesRoot: false };
  }
  return undefined;
}
