// What of the host a command shows by itself: its program's prefix, or the program alone, at each step of the links that lead to
// it. Pure.
import { dirname, resolve } from 'node:path';
import type { HostFiles } from '../files/host-files.js';
import { isWithin } from '../files/path-within.js';
import { SCRATCH } from './system-files.js';

interface Command {
  /** Absolute path of the program, where the host has it. */
  readonly program: string | undefined;
  /** The home directories of this host: they and what is above them never become visible by themselves. */
  readonly homes: readonly string[];
}

/** The kernel's own bound on links in a path, path_resolution(7). */
const MAX_LINKS = 40;
/** The sandbox's own: no working directory is shown in the place of one of these, or above it. */
const OWN = [...SCRATCH.map(({ path }) => path), '/dev', '/proc', '/sys', '/etc'];

/** Not `/`, not a home directory or above one, not a place that the sandbox fills itself. */
export function mayShow(path: string, homes: readonly string[], host: HostFiles): boolean {
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
    path = targetOf(path, host);
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

/** What is shown of the host's files. */
export function commandPaths(command: Command, host: HostFiles): readonly string[] {
  return stepsAndPrefixes(command, host).flatMap(({ path, prefix }) =>
    isLoneLink(path, prefix, host) ? [] : [prefix],
  );
}

/**
 * Links that no prefix shows. They stay links: a program that was shown in the place of one would look for its own files, by
 * /proc/self/exe or the loader's $ORIGIN, beside the link.
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
  { program, homes }: Command,
  host: HostFiles,
): { readonly path: string; readonly prefix: string }[] {
  if (program === undefined) return [];
  return [...steps(program, host)].map((path) => ({ path, prefix: prefixOf(path, homes, host) }));
}

function isLoneLink(path: string, prefix: string, host: HostFiles): boolean {
  return path === prefix && host.kind(path) === 'link' && host.real(path) !== undefined;
}

function targetOf(link: string, host: HostFiles): string {
  const folder = dirname(link);
  return resolve(host.real(folder) ?? folder, host.readLink(link));
}
