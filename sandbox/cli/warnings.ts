// What check and up warn of: settings that start, and open or hinder more than one would think. A warning refuses nothing.

import { accessSync, constants, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Config, LoadedPlugin, PathList } from '../../shared/config/load-config.js';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { presetNames, presetPlace } from '../../shared/config/shipped-presets.js';
import { loopbackProblems } from '../../shared/policy/sandbox-address.js';
import { printable } from '../../shared/printable.js';
import { searchPath } from '../host/find-program.js';
import { type HostFiles, isWithin, moved } from '../supervisor/files/host-files.js';
import {
  type PlannedPlugin,
  type SharedTree,
  type ShownTree,
  sharedTrees,
} from '../supervisor/root/shared-trees.js';
import { PLUGIN_HOME } from '../supervisor/root/system-files.js';

// A warning of `postern check`: the file is valid, but something in it deserves a look. `up` prints some too.

/**
 * For a command that cannot be run; a rule without effect, or with more effect than it seems; a call that weakens a guarantee; a home or
 * a folder that plugins share; a folder with what is not the plugin's; processes that plugins can take from each other.
 */
export interface CheckWarning {
  readonly plugin: string;
  /** `FILE:LINE` */
  readonly place: string;
  readonly message: string;
}

export function describeWarning({ plugin, place, message }: CheckWarning): string {
  // protects: G13 a new line in a name begins no line of check's => return (`${place}: plugins.${plugin}: ${message}`);
  return printable(`${place}: plugins.${plugin}: ${message}`);
}

// Warnings of `check` about commands that cannot be run: the program does not exist, or is not executable. It is searched as at a start.

export function commandWarnings({ plugins, placeOf }: Config): readonly CheckWarning[] {
  return plugins.flatMap(({ config }) => {
    const fault = faultOf(config);
    const place = placeOf(['plugins', config.name, 'command']) ?? placeOf(['plugins', config.name]) ?? '';
    return fault === undefined ? [] : [{ plugin: config.name, place, message: fault }];
  });
}

/** @returns why the command cannot be run, with the fix; undefined if it can be, or if that cannot be seen from here */
function faultOf(config: PluginConfig): string | undefined {
  const [program = ''] = config.command;
  const path = searchPath(config.env);
  const folders = program.includes('/') ? [''] : path.split(':');
  let closed: string | undefined;
  for (const folder of folders) {
    const candidate = resolve(config.cwd, folder, program);
    const kind = kindOf(onHost(candidate, config.home));
    if (kind === 'program' || kind === 'unknown') return undefined;
    if (kind === 'closed')
      closed ??= `"${candidate}" is not executable: chmod +x it, or name another program`;
    if (kind === 'folder' && program.includes('/')) closed = `"${candidate}" is a folder: name a program`;
  }
  const missing = program.includes('/')
    ? `"${resolve(config.cwd, program)}" does not exist: correct the path, or install it`
    : `"${program}" is in no folder of PATH "${path}": install it, or write its whole path`;
  return `The command cannot be run, ${closed ?? missing}`;
}

/** A kept home has another path inside. */
function onHost(path: string, home: string | undefined): string {
  return home !== undefined && isWithin(path, PLUGIN_HOME) ? moved(path, PLUGIN_HOME, home) : path;
}

function kindOf(path: string): 'program' | 'closed' | 'folder' | 'absent' | 'unknown' {
  try {
    const stats = statSync(path);
    if (stats.isDirectory()) return 'folder';
    if (!stats.isFile()) return 'closed';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? 'absent' : 'unknown';
  }
  try {
    accessSync(path, constants.X_OK);
    return 'program';
  } catch {
    return 'closed';
  }
}

// A warning of `check`: in mode audit nobody is asked, since it allows what no rule allows.

export function askWarnings({ plugins, placeOf }: Config): readonly CheckWarning[] {
  return plugins.flatMap(({ config: { name, unknown, mode } }) => {
    if (unknown !== 'ask' || mode !== 'audit') return [];
    // Either key may be one of `defaults`.
    const place = [
      ['plugins', name, 'unknown'],
      ['plugins', name, 'mode'],
      ['defaults', 'unknown'],
    ]
      .map((key) => placeOf(key))
      .find((found) => found !== undefined);
    return [
      {
        plugin: name,
        place: place ?? '',
        message: 'unknown: ask asks nobody: mode audit allows what no rule allows. Leave out one of them',
      },
    ];
  });
}

// A warning of `check`: a file that has the name of a preset of postern is not read by that name.

export function presetWarnings({ plugins, files: [file = ''], placeOf }: Config): readonly CheckWarning[] {
  return plugins.flatMap(({ config: { name }, rules: { allow } }) =>
    presetNames
      .filter((preset) => allow.some(({ place }) => place === presetPlace(preset)))
      .flatMap((preset) => {
        const path = join(dirname(file), preset);
        if (!['program', 'closed'].includes(kindOf(path))) return [];
        const place = placeOf(['plugins', name, 'presets']) ?? placeOf(['defaults', 'presets']) ?? '';
        const message = `presets: "${preset}" is postern's preset, and "${path}" is not read: write "./${preset}" for the file`;
        return [{ plugin: name, place, message }];
      }),
  );
}

// Warnings of `check` and `up` about allow rules that open loopback to the client library alone.

export function loopbackWarnings({ plugins }: Pick<Config, 'plugins'>): readonly CheckWarning[] {
  return plugins.flatMap(({ config: { name, egress, allow }, rules }) =>
    (egress === 'channel' ? [] : loopbackProblems(allow)).map(({ index, message }) => ({
      plugin: name,
      place: rules.allow[index]?.place ?? '',
      message,
    })),
  );
}

// Warnings of `check` about kept homes: a home that two plugins share, and a home_mib without effect.

export function homeWarnings({ plugins, placeOf }: Config): readonly CheckWarning[] {
  const owners = new Map<string, string>();
  return plugins.flatMap(({ config: { name, home } }) => {
    if (home === undefined) return [];
    const warnings: CheckWarning[] = [];
    const warn = (key: readonly string[], message: string): void => {
      const place = placeOf(['plugins', name, ...key]);
      if (place !== undefined) warnings.push({ plugin: name, place, message });
    };
    const first = owners.get(home);
    if (first === undefined) owners.set(home, name);
    else
      warn(
        ['home'],
        `The plugin "${first}" has the same home: each can change what the other one runs and reads there`,
      );
    warn(
      ['limits', 'home_mib'],
      'home_mib bounds nothing: the home is kept, and its own file system bounds it',
    );
    return warnings;
  });
}

// Warnings of `check` about postern's own files in the writable folders of a plugin.

/** @param ownFiles postern's own files and folders */
export function hostWarnings(
  { plugins, placeOfPath }: Config,
  ownFiles: readonly string[],
  host: HostFiles,
): readonly CheckWarning[] {
  const own = ownFiles
    .flatMap((path) => host.real(path) ?? [])
    .flatMap((path) => [path, ...host.aliases(path)]);
  return plugins.flatMap(({ config: { name, writable, hidden } }) => {
    const masked = hidden.map((path) => host.real(path) ?? path);
    return writable.flatMap((path) => {
      const real = host.real(path) ?? path;
      const file = own.find((one) => isWithin(one, real) && !masked.some((mask) => isWithin(one, mask)));
      if (file === undefined) return [];
      return [
        { plugin: name, place: placeOfPath(name, 'writable', path) ?? '', message: describeOwn(file, path) },
      ];
    });
  });
}

function describeOwn(file: string, path: string): string {
  return `"${file}" is postern's own and lies in "${path}": the plugin finds it read-only there, but may write a file that replaces it while the plugin runs, as many editors do; make a folder writable that holds no file of postern`;
}

// The warning of `check` and `up` about limits of processes that are more in sum than all sandboxes may have together. Pure.

/** @param inAll how many processes all sandboxes may have together; undefined for any number */
export function processWarnings(
  { plugins, keyOf, placeOf }: Pick<Config, 'plugins' | 'keyOf' | 'placeOf'>,
  inAll: number | undefined,
): readonly CheckWarning[] {
  const limits = plugins.map(({ config: { name, limits } }) => ({ name, processes: limits.processes }));
  const sum = limits.reduce((total, { processes }) => total + processes, 0);
  const [most] = [...limits].sort((a, b) => b.processes - a.processes);
  if (
    inAll === undefined ||
    most === undefined ||
    limits.length < 2 ||
    /* protects: G8 limits of processes that are too many in sum are told => true */ sum <= inAll
  )
    return [];
  const { name } = most;
  const place = placeOf(keyOf(name, ['limits', 'processes'])) ?? placeOf(['plugins', name]) ?? '';
  const message = `The limits "processes" of the ${limits.length} plugins are ${sum} in sum, but RLIMIT_NPROC lets them and their user have ${inAll} in all: one plugin can use these up, and then no other one can fork or start; lower "processes", or raise the limit (ulimit -u, or LimitNPROC= of a systemd unit)`;
  return [{ plugin: name, place, message }];
}

// Warnings of `check` about a folder that one plugin writes and another one writes or sees. What lies there is no secret between them.

/** Where the file names what a plugin sees, and how. */
interface Named {
  readonly path: string;
  readonly place: string | undefined;
  readonly does: string;
  readonly fix: string;
}

/** A folder within what another plugin writes is no warning: it is refused (`path_not_apart`). So is a home that two plugins name: see {@link homeWarnings}. */
export function sharedFolderWarnings(
  config: Config,
  plans: readonly PlannedPlugin[],
  host: HostFiles,
): readonly CheckWarning[] {
  const pluginOf = (name: string): LoadedPlugin | undefined =>
    config.plugins.find((plugin) => plugin.config.name === name);
  return sharedTrees(plans, host).flatMap((shared) => {
    const [one, other] = [pluginOf(shared.plugin), pluginOf(shared.writer)];
    if (one === undefined || other === undefined) return [];
    if (shared.tree.isHome && shared.written.isHome && one.config.home === other.config.home) return [];
    const named = nameOf(one, shared.tree, config, host);
    const place = named.place ?? config.placeOf(['plugins', shared.plugin]) ?? '';
    const { path } = nameOf(other, shared.written, config, host);
    return [{ plugin: shared.plugin, place, message: describe(shared, named, path) }];
  });
}

function nameOf({ config }: LoadedPlugin, tree: ShownTree, file: Config, host: HostFiles): Named {
  const { name, cwd, home } = config;
  const isHere = (path: string): boolean => (host.real(path) ?? path) === tree.source;
  const fix = 'give each plugin a folder that no other plugin names';
  const does = `which this plugin may ${tree.writable ? 'write' : 'read'}`;
  if (tree.isHome && home !== undefined)
    return {
      path: home,
      place: file.placeOf(['plugins', name, 'home']),
      does: "this plugin's home",
      fix: 'give each plugin a home that no other plugin names',
    };
  const list: PathList = tree.writable ? 'writable' : 'visible';
  const listed = config[list].find(isHere);
  if (listed !== undefined) return { path: listed, place: file.placeOfPath(name, list, listed), does, fix };
  if (tree.isNamed || !isHere(cwd)) return { path: tree.source, place: undefined, does, fix };
  return {
    path: cwd,
    place: file.placeOf(file.keyOf(name, ['cwd'])),
    does: 'where this plugin starts',
    fix: 'start this plugin in a folder (cwd) that no other plugin writes',
  };
}

function describe({ tree, writer }: SharedTree, { path, does, fix }: Named, written: string): string {
  const passes = tree.writable
    ? 'they can pass each other files there'
    : 'it can pass this plugin files there';
  const folder = path === written ? `"${path}"` : `"${written}", in "${path}"`;
  return `The plugin "${writer}" may write ${folder}, ${does}: ${passes}; ${fix}`;
}
