// Finds the mistakes in kept homes that show without opening a folder. A plugin writes what it likes into its home: nothing else
// may be taken from inside it, and no other plugin may replace it. Pure.

import { readFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { PosternError } from '../../../shared/errors.js';
import { type HostFiles, isWithin, moved } from '../files/host-files.js';
import { allPlaces, leadsThrough } from '../files/places-passed.js';
import type { Written } from '../files/plugin-links.js';
import { steps } from '../root/command-paths.js';
import type { RootPlan } from '../root/plan-root.js';
import { PLUGIN_HOME, SCRATCH, SYSTEM } from '../root/system-files.js';

type PluginFiles = Pick<PluginConfig, 'name' | 'home' | 'cwd' | 'visible' | 'writable' | 'hidden'>;

interface HomeProblem {
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

// Lists the home directories of this host. A plugin sees none of them, and no folder above one, unless the user names it.

const FIRST_PERSON = 1000;
const NOBODY = 65_534;

/** The home directories of the user who starts postern: by its environment, and by the system. */
export function ownHomes(): readonly string[] {
  const homes = [homedir()];
  try {
    homes.push(userInfo().homedir);
  } catch {
    // The uid has no name.
  }
  return [...new Set(homes)];
}

/** The homes of root and of each person, from the text of passwd(5). The users of programs have no personal files. */
export function homesOf(passwd: string): readonly string[] {
  return passwd.split('\n').flatMap((line) => {
    const [, , id, , , home] = line.split(':');
    const uid = Number(id);
    const isPerson = uid === 0 || (uid >= FIRST_PERSON && uid < NOBODY);
    return isPerson && home?.startsWith('/') === true && home !== '/' ? [home] : [];
  });
}

export function allHomes(): readonly string[] {
  let passwd = '';
  try {
    passwd = readFileSync('/etc/passwd', 'utf8');
  } catch {
    // A container may have no passwd file: then the environment alone counts.
  }
  return [...new Set(['/root', ...ownHomes(), ...homesOf(passwd)])];
}

// Keeps a plugin's program, and everything that it sees of the host, out of kept homes. A plugin may write its home: it would
// decide what its next start runs or sees.

interface Started {
  /** The command's first word. */
  readonly name: string;
  /** The program's path on the host; undefined where the host has none. */
  readonly program: string | undefined;
  /** The kept home of this plugin. */
  readonly home: string | undefined;
  /** The kept homes of all plugins. */
  readonly keptHomes: readonly string[];
  readonly written: readonly Written[];
}

/** @throws PosternError `bad_home` */
export function requireHomeApart(plan: RootPlan, started: Started, host: HostFiles): void {
  const { name, program, home, keptHomes, written } = started;
  for (const path of program === undefined ? [] : steps(program, host)) {
    const holding = keptHomes.find((one) => leadsThrough(path, [one], host));
    if (/* protects: G14 home: no program is taken from inside one => true */ holding === undefined) continue;
    const inHome = [path, ...host.aliases(path)].find((one) => isWithin(one, holding));
    const fix =
      holding === home && inHome !== undefined
        ? `name it as the plugin sees it: ${moved(inHome, holding, PLUGIN_HOME)}`
        : 'keep the program elsewhere';
    const message = `Cannot run "${name}": "${path}" leads through the kept home "${holding}", where a plugin could put something else`;
    throw new PosternError('bad_home', message, { fix, fields: { key: 'command' } });
  }
  if (home === undefined) return;
  const homes = [home, ...host.aliases(home)];
  const former = written.find(
    ({ isFormer, real }) => isFormer === true && homes.some((one) => one !== real && isWithin(one, real)),
  );
  // protects: G14 home: none lies in a folder that a plugin could write before a reload (as root)
  if (former !== undefined) {
    throw new PosternError(
      'bad_home',
      `Cannot keep a home in "${home}": it lies in "${former.path}", which the plugin "${former.writer}" could write before a reload: it could have put another folder there`,
      { fix: 'name a folder outside, or look at it and start postern anew', fields: { key: 'home' } },
    );
  }
  const inside = plan.entries.find(({ path }) => path !== PLUGIN_HOME && isWithin(path, PLUGIN_HOME));
  // protects: G14 home: nothing of the host is attached within one
  if (inside !== undefined) {
    throw new PosternError(
      'bad_home',
      `Cannot show "${inside.path}": the plugin has its kept home at ${PLUGIN_HOME}`,
      { fix: 'start without a kept home, or from another folder', fields: { key: 'home' } },
    );
  }
}
