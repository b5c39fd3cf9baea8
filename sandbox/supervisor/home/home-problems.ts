// Finds the mistakes in kept homes that show without opening a folder. A plugin writes what it likes into its home: nothing else
// may be taken from inside it, and no other plugin may replace it. Pure.
import { basename, dirname, join } from 'node:path';
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { allPlaces } from '../files/all-places.js';
import type { HostFiles } from '../files/host-files.js';
import { isWithin } from '../files/path-within.js';
import { SCRATCH, SYSTEM } from '../root/system-files.js';

type PluginFiles = Pick<PluginConfig, 'name' | 'home' | 'cwd' | 'visible' | 'writable' | 'hidden'>;

export interface HomeProblem {
  readonly plugin: string;
  readonly message: string;
  readonly fix: string;
}

const ELSEWHERE = 'name a folder that is for this plugin alone';
const SYSTEMS_OWN = [
  ...SYSTEM,
  ...SCRATCH.map(({ path }) => path).filter((path) => !path.startsWith('/home/')),
  ...['/etc', '/dev', '/proc', '/sys', '/boot'],
];
const NO_FOLDERS = ['/dev', '/proc', '/sys'];

/** A link directly below `/` is followed: no plugin can write there, and some systems have one, for example /home to /var/home. */
export function withoutTopLink(path: string, host: Pick<HostFiles, 'real'>): string {
  const [, top = '', ...rest] = path.split('/');
  return join(host.real(`/${top}`) ?? `/${top}`, ...rest);
}

/** @param homes the home directories of this host @returns at most one problem per plugin */
export function homeProblems(
  plugins: readonly PluginFiles[],
  homes: readonly string[],
  host: HostFiles,
): readonly HomeProblem[] {
  return plugins.flatMap((plugin) => {
    if (plugin.home === undefined) return [];
    const home = withoutTopLink(plugin.home, host);
    const problem = ofFolder(home, homes, host) ?? ofNeighbours(home, plugin.name, plugins, host);
    return problem === undefined ? [] : [{ plugin: plugin.name, ...problem }];
  });
}

type Problem = Pick<HomeProblem, 'message' | 'fix'>;

function ofFolder(home: string, homes: readonly string[], host: HostFiles): Problem | undefined {
  if (SYSTEMS_OWN.some((one) => isWithin(one, home)) || NO_FOLDERS.some((one) => isWithin(home, one)))
    return { message: `"${home}" belongs to the system`, fix: ELSEWHERE };
  const known = [...homes, ...homes.map((one) => host.real(one) ?? one), host.real('/home') ?? '/home'];
  const person = known.find(
    (one) =>
      /* protects: G14 home: no home directory of the host is one => false */ one !== '/' &&
      isWithin(one, home),
  );
  if (person !== undefined) {
    const what = person === home ? 'is' : `holds "${person}",`;
    return {
      message: `"${home}" ${what} a home directory of this host: the plugin would read and write all of it`,
      fix: `name a folder of its own, for example ${join(person, '.local/share/postern/home')}`,
    };
  }
  const parent = dirname(home);
  const real = host.real(home) ?? join(host.real(parent) ?? parent, basename(home));
  if (real !== home) {
    return {
      message: `the path "${home}" leads through a link, which could lead elsewhere at the next start`,
      // A plugin may have made the link: its target is no advice.
      fix: 'look where it leads: if the link is yours, name the folder itself',
    };
  }
  if (host.kind(home) === 'link')
    return { message: `"${home}" is a link to a path that does not exist`, fix: ELSEWHERE };
  if (host.kind(parent) !== 'directory')
    return {
      message: `"${home}" cannot be made: "${parent}" is not a folder that you may enter`,
      fix: 'make it first',
    };
  const kind = host.kind(home);
  return kind === 'directory' || kind === 'absent'
    ? undefined
    : { message: `"${home}" is not a folder`, fix: ELSEWHERE };
}

function ofNeighbours(
  home: string,
  owner: string,
  plugins: readonly PluginFiles[],
  host: HostFiles,
): Problem | undefined {
  const real = (path: string): string => host.real(path) ?? path;
  const homes = [home, ...host.aliases(home)];
  const liesWithin = (folder: string): boolean => homes.some((one) => isWithin(one, folder));
  const leadsThrough = (path: string): boolean =>
    allPlaces(path, host).some((place) => isWithin(place, home));
  for (const { name, writable, visible, hidden, cwd, home: other } of plugins) {
    const above =
      /* protects: G14 home: no plugin writes the folder that holds one => undefined */ writable.find(
        (path) => liesWithin(real(path)),
      );
    if (above !== undefined) {
      return {
        message: `"${home}" lies in "${above}", which the plugin "${name}" may write: it could put another folder there`,
        fix: 'name a folder outside',
      };
    }
    const below = /* protects: G14 home: nothing is shown from inside one => undefined */ [
      ...visible,
      ...writable,
      ...hidden,
    ].find(leadsThrough);
    if (below !== undefined) {
      return {
        message: `"${below}", which "${name}" shows or hides, leads through the home "${home}": the plugin "${owner}" could put something else there`,
        fix: 'keep it outside',
      };
    }
    if (leadsThrough(cwd)) {
      return {
        message: `the plugin "${name}" would start in "${cwd}", which leads through the home "${home}": a plugin could put something else there`,
        fix: 'start outside, and let the program go to $HOME itself',
      };
    }
    const nested = other === undefined ? home : withoutTopLink(other, host);
    if (nested !== home && liesWithin(nested)) {
      return {
        message: `"${home}" lies in "${nested}", the home of the plugin "${name}", which could put another folder there`,
        fix: 'name a folder outside',
      };
    }
  }
  return undefined;
}
