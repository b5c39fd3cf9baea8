// Plans what a plugin sees: reads the host's files, plans the root, and checks that the plugin's own program and folders show.
// Runs in the supervisor, before anything of the plugin is started.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { findProgram, searchPath } from '../../host/find-program.js';
import { hostFiles } from '../files/host-files.js';
import { requireProgramApart } from '../files/path-problems.js';
import { type Written, withoutPluginLinks } from '../files/plugin-links.js';
import { requirePaths } from '../files/require-paths.js';
import { requireOwnPlace } from '../gateway/plugin-gateway.js';
import { allHomes, ownHomes, requireHomeApart, withoutTopLink } from '../home/home-problems.js';
import { requireUsable } from '../home/kept-home.js';
import { planRoot, type RootPlan } from '../root/plan-root.js';
import { requireCommandFiles } from '../root/require-command-files.js';
import { startedFiles } from '../root/started-files.js';
import { hostTexts, type Unseen, unseenFiles } from '../unseen/unseen-files.js';
import { requireUnseen, type SecretFile } from '../via/via-problems.js';

/** What a start has to know of all plugins and of postern. */
export interface StartHost {
  /** The kept homes of all plugins, by paths without links. */
  readonly keptHomes: readonly string[];
  /** What any plugin may write, or could write before. */
  readonly written: readonly Written[];
  /** postern's own files and folders: the plugin writes none of them. */
  readonly ownFiles: readonly string[];
  /** Folders in which they lie beside others, likewise. */
  readonly ownFolders: readonly string[];
  /** Where a later `up` would find its configuration, and a plugin may write: of {@link laterConfigs}. */
  readonly laterConfigs: readonly string[];
  /** Files with credentials for proxies, and those with secrets for gateways: no plugin sees one. */
  readonly secrets: readonly SecretFile[];
  /** Those of the own files that the plugin does not see either: control sockets and their folder. */
  readonly ownSockets: readonly string[];
}

/**
 * Starts and makes nothing: `check` plans too. The kept home may be missing then. A start plans when the former run of the plugin has ended, so
 * the plan shows what lies at the paths then.
 *
 * @param ids the plugin's uid and gid inside
 * @returns the plan, and a function that finds the files that a failed plugin may have missed
 * @throws PosternError `not_found`, `not_allowed`, `path_not_apart`, `hidden`, `bad_home`, `bad_via`
 */
export function planPlugin(
  config: PluginConfig,
  ids: { readonly uid: number; readonly gid: number },
  { keptHomes, written, ownFiles, ownFolders, laterConfigs, secrets, ownSockets }: StartHost,
): { readonly plan: RootPlan; readonly find: () => readonly Unseen[] } {
  const [program = ''] = config.command;
  // protects: G14 a home that cannot be written is refused
  if (config.home !== undefined) requireUsable(config.home);
  requirePaths(config, written);
  requireProgramApart(config, startedFiles(config), written);
  const files = withoutPluginLinks(hostFiles, written);
  const home = config.home === undefined ? undefined : withoutTopLink(config.home, hostFiles);
  const path = searchPath(config.env);
  const found = findProgram(program, config.cwd, path);
  const { cwd, visible, writable, hidden } = config;
  const homes = allHomes();
  const writtenPaths = written.map(({ real }) => real);
  const plan = planRoot(
    {
      program: found,
      cwd,
      homes,
      ownHomes: ownHomes(),
      visible,
      writable,
      written: writtenPaths,
      hidden,
      home,
      ownFiles: [
        ...ownFiles,
        ...ownFolders,
        /* protects: G14 the configuration of a later start is read-only within writable folders (as root) */ ...laterConfigs,
      ],
      ownSockets,
      otherHomes: keptHomes.filter((one) => one !== home),
      sizes: config.limits,
      unknown: config.unknown,
      ...ids,
    },
    files,
  );
  requireHomeApart(plan, { name: program, program: found, home, keptHomes, written }, hostFiles);
  requireUnseen(plan, config.name, secrets, hostFiles);
  if (config.gateway !== undefined) requireOwnPlace(config.name, plan.entries);
  const command = { words: config.command, program: found, cwd, homes, written: writtenPaths };
  requireCommandFiles(plan, { ...command, path }, hostFiles);
  const request = { ...command, keptHomes, variables: Object.keys(config.env) };
  return { plan, find: () => unseenFiles(plan, request, hostFiles, hostTexts) };
}
