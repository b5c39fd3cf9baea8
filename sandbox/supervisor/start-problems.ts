// Finds what a start refuses in a configuration, and starts nothing. A start and `check` ask these functions, so that `check` knows what a start
// would say.

import { dirname, join } from 'node:path';
import { HOOK_PATH, type HookCommand } from '../../shared/config/hook-command.js';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { uiSocket } from '../../shared/config/ui-address.js';
import { PosternError } from '../../shared/errors.js';
import { controlPlaces } from '../host/control-folder.js';
import { type OwnFiles, ownProgramFiles } from '../host/own-files.js';
import { hostFiles, isWithin } from './files/host-files.js';
import { laterConfigs } from './files/later-configs.js';
import { otherSandboxes } from './files/other-sandboxes.js';
import {
  apartProblems,
  endingProblems,
  newFileProblems,
  otherWriterProblems,
  ownFileProblems,
  problemOf,
  type StartProblem,
} from './files/path-problems.js';
import { asConfigured, outermost, type Written, writtenFolders } from './files/plugin-links.js';
import { refusedPaths } from './files/require-paths.js';
import { secretPath, secretProblems } from './gateway/read-secrets.js';
import { allHomes, homeProblems, withoutTopLink } from './home/home-problems.js';
import { examineHome } from './home/kept-home.js';
import type { LiveRun } from './plugin-runs.js';
import { prefixOf, steps } from './root/command-paths.js';
import type { RootPlan } from './root/plan-root.js';
import type { PlannedPlugin } from './root/shared-trees.js';
import { startedFiles } from './root/started-files.js';
import { PLUGIN_HOME } from './root/system-files.js';
import { planPlugin, type StartHost } from './start/plan-plugin.js';
import { outsideEnvironment } from './start/plugin-environment.js';
import { refuseMovableMounts, refuseOwnPipes, refuseWritable } from './start/refuse-start.js';
import type { SupervisorOptions } from './supervisor-options.js';
import { CREDENTIALS, requireUnseen, type SecretFile, viaProblems } from './via/via-problems.js';

/** The ids inside only show in /etc/passwd. */
const ANY_IDS = { uid: 1000, gid: 1000 };

/** What of a supervisor's options names its own files. */
export type OwnOptions = Pick<SupervisorOptions, 'audit' | 'ownFiles' | 'control' | 'askHook' | 'ui'>;

/** @param plugins whose gateways have files and commands */
export function ownFilesOf(
  { audit, ownFiles = [], control, askHook, ui }: OwnOptions,
  plugins: readonly PluginConfig[],
): OwnFiles {
  const program = ownProgramFiles();
  const hook =
    /* protects: G20 ask: no plugin writes what the hook is and loads => { files: [], folders: [] } */ hookPlaces(
      [
        ...(askHook === undefined ? [] : [askHook]),
        // protects: G23 gateway: no plugin writes what a secret's command is and loads
        ...secretCommands(plugins),
      ],
    );
  const log = audit === undefined || audit === 'stderr' || audit === 'stdout' ? [] : [audit];
  const places = controlPlaces([...(control === undefined ? [] : [control]), ...uiSocket(ui)]);
  const read = [
    ...ownFiles,
    // protects: G23 gateway: no plugin writes the certificates that a gateway trusts
    ...certificateFiles(plugins),
    // protects: G14 library: no plugin writes a file of rules that an application names
    ...plugins.flatMap(({ ruleFiles = [] }) => ruleFiles),
  ];
  return {
    read,
    program: [...program.files, ...hook.files],
    hook: hook.folders,
    folders: program.folders ?? [],
    files: [...program.files, ...hook.files, ...read, ...log, ...places.files],
    searched: [...program.searched, ...places.searched],
    sockets: places.files,
  };
}

export function startHostOf(plugins: readonly PluginConfig[], own: OwnFiles): StartHost {
  const homed = plugins.map(withHomeAt);
  return {
    keptHomes: [...new Set(homed.flatMap(({ home }) => home ?? []))],
    written: outermost(writtenFolders(homed, hostFiles)),
    ownFiles: own.files,
    ownFolders: own.folders ?? [],
    laterConfigs: laterConfigs(plugins, hostFiles),
    secrets: plugins.flatMap(secretFiles),
    ownSockets: own.sockets ?? [],
  };
}

function secretFiles({
  via,
  gateway = [],
  secrets = {},
  otherSecrets = {},
}: PluginConfig): readonly SecretFile[] {
  const named = {
    ...secrets,
    // protects: G23 gateway: no plugin sees a secret that no gateway names
    ...otherSecrets,
  };
  return [
    ...(via?.credentialsFile === undefined ? [] : [{ path: via.credentialsFile, key: CREDENTIALS }]),
    ...gateway.flatMap(({ client }) => (client === undefined ? [] : [{ path: client.key, key: 'gateway' }])),
    ...Object.entries(named).flatMap(([name, source]) => {
      const path = secretPath(source, outsideEnvironment());
      // A name with a dot is the key itself.
      const key = name.includes('.') ? name : `secrets.${name}`;
      return path === undefined ? [] : [{ path, key }];
    }),
  ];
}

/**
 * What is refused before any plugin starts: each mistake of each plugin. What a plugin can bring about by itself is none, see {@link asConfigured}:
 * it fails that plugin's start alone, and keeps neither the others from their start nor a reload from taking its rules away.
 */
export function startProblems(plugins: readonly PluginConfig[], own: OwnFiles): readonly StartProblem[] {
  const homed = plugins.map(withHomeAt);
  const files = asConfigured(homed, hostFiles);
  const places = homeProblems(plugins, allHomes(), files).map(
    (problem): StartProblem => ({
      ...problem,
      code: 'bad_home',
      key: ['home'],
      intro: `Cannot keep a home for "${problem.plugin}"`,
    }),
  );
  const homes = plugins
    .filter(({ name, home }) => home !== undefined && !places.some(({ plugin }) => plugin === name))
    .flatMap(({ name, home = '' }) => refusedBy(name, () => examineHome(home)) ?? []);
  const host = startHostOf(plugins, own);
  const paths = plugins.flatMap((plugin) =>
    /* protects: G14 a file system of the kernel is refused, and up starts nothing => [].map((error) => problemOf(plugin.name, error)) */ refusedPaths(
      plugin,
      host.written,
      files,
    ).map((error) => problemOf(plugin.name, error)),
  );
  return [
    ...places,
    ...homes,
    ...paths,
    ...viaProblems(plugins, host.written),
    ...secretProblems(plugins, { written: host.written, environment: outsideEnvironment() }),
    ...seenCredentials(plugins, host),
    ...apartProblems(homed, own, files, (plugin) => startedFiles(plugin, files)),
    ...plugins.slice(0, 1).flatMap(({ name }) =>
      otherWriterProblems(own, otherSandboxes(), hostFiles).map(
        (problem): StartProblem => ({
          ...problem,
          code: 'path_not_apart',
          plugin: name,
          key: [],
          intro: `Cannot start "${name}"`,
        }),
      ),
    ),
  ];
}

/** While a list of plugins takes the place of another, runs go on that were started with the former one. */
export interface LiveRuns {
  readonly live: readonly LiveRun[];
  /** Former plugins that end before any other starts. */
  readonly ending: readonly PluginConfig[];
  /** What their sandboxes cover, where they would write or see it: files that postern had read, and the kept homes. */
  readonly files: readonly string[];
  readonly homes: readonly string[];
  /** What plugins could write until now, whether they run or not. */
  readonly written: readonly Written[];
}

/** What is refused since runs write or see more than the new list says. All else is used by a start, after the end of those that end. */
export function liveProblems(
  plugins: readonly PluginConfig[],
  own: OwnFiles,
  { live, ending, files, homes, written }: LiveRuns,
): readonly StartProblem[] {
  const added = (own.read ?? []).filter((file) => !files.includes(file));
  const others = live.filter(({ config }) => !ending.some(({ name }) => name === config.name));
  const { secrets } = startHostOf(plugins, own);
  return [
    // protects: G14 a run that ends for a reload replaces no socket of those that stay
    ...endingProblems(plugins, ending, own),
    // protects: G14 a file that a reload reads lies where no run could write it
    ...newFileProblems(added, written, hostFiles),
    // protects: G14 home: one that a reload adds shows in no sandbox that runs
    ...seenHomes(plugins, others, homes),
    // protects: G6 a reload adds no credentials that a sandbox shows which runs
    ...others.flatMap(
      ({ config: { name }, plan }) =>
        refusedBy(name, () => requireUnseen(plan, name, secrets, hostFiles)) ?? [],
    ),
  ];
}

/**
 * Finds homes that are new, or gone and made anew, where another plugin runs that would see them: a mount covers what was there at its start.
 *
 * @param covered the homes that its sandbox covers, if they are still there
 */
export function seenHomes(
  plugins: readonly Pick<PluginConfig, 'name' | 'home'>[],
  live: readonly LiveRun[],
  covered: readonly string[],
): readonly StartProblem[] {
  return plugins.flatMap(({ name, home }): readonly StartProblem[] => {
    if (home === undefined) return [];
    const place = withoutTopLink(home, hostFiles);
    if (covered.includes(place) && hostFiles.kind(place) !== 'absent') return [];
    const viewer = live.find(({ config, plan }) => config.name !== name && showsPlace(plan, place))?.config
      .name;
    if (viewer === undefined) return [];
    return [
      {
        code: 'path_not_apart',
        plugin: name,
        key: ['home'],
        intro: `Cannot keep a home for "${name}"`,
        message: `"${place}" is made now, and the plugin "${viewer}", which runs, would see it`,
        fix: `stop "${viewer}" first, and start it afterwards; or keep the home in a folder that no other plugin sees`,
      },
    ];
  });
}

/** Whether a sandbox shows a folder that is made while it runs: only what hides the folder above hides it. */
function showsPlace({ entries, hiddenBy }: RootPlan, place: string): boolean {
  return [place, ...hostFiles.aliases(place)].some(
    (path) =>
      hiddenBy(dirname(path)) === undefined &&
      entries.some(
        (entry) => entry.kind === 'bind' && entry.path !== PLUGIN_HOME && isWithin(path, entry.source),
      ),
  );
}

/**
 * The hook may have changed since the start.
 *
 * @throws Error if a plugin, or one of another supervisor, may write what the hook is, or may load
 */
export function requireHookApart(hook: HookCommand, plugins: readonly PluginConfig[]): void {
  const own = { files: [], searched: [], hook: hookPlaces([hook]).folders };
  const [problem] = ownFileProblems(plugins.map(withHomeAt), own, hostFiles);
  if (problem !== undefined) {
    const { plugin, message, fix } = problem;
    throw new Error(`it is not run because of the plugin "${plugin}": ${message}; ${fix}`);
  }
  const [other] = otherWriterProblems(own, otherSandboxes(), hostFiles);
  if (other !== undefined) throw new Error(`it is not run: ${other.message}; ${other.fix}`);
}

/**
 * Which plugins would see credentials. Where the plan of one fails, its start makes it anew and decides. For one that runs, {@link liveProblems} asks the plan
 * that it was started with.
 */
function seenCredentials(plugins: readonly PluginConfig[], host: StartHost): readonly StartProblem[] {
  if (host.secrets.length === 0) return [];
  return plugins
    .flatMap((plugin) => refusedBy(plugin.name, () => planPlugin(plugin, ANY_IDS, host)) ?? [])
    .filter(({ code }) => code === 'bad_via' || code === 'bad_secret');
}

/** What only the start of the plugin itself refuses: it looks at its program, and through all that it would write. */
export async function pluginProblems(
  config: PluginConfig,
  host: StartHost,
): Promise<readonly StartProblem[]> {
  const problems: StartProblem[] = [];
  const note = (error: unknown): void => {
    if (!(error instanceof PosternError)) throw error;
    problems.push(problemOf(config.name, error));
  };
  try {
    const { plan } = planPlugin(config, ANY_IDS, host);
    refuseOwnPipes(plan.entries, host.ownFiles, note);
    refuseMovableMounts(plan.entries, host.written);
    await refuseWritable(config, plan.entries, host.ownFiles, note);
  } catch (error) {
    note(error);
  }
  return problems;
}

/** What each plugin would see. Only for plugins of which nothing is refused. */
export function plannedPlugins(plugins: readonly PluginConfig[], host: StartHost): readonly PlannedPlugin[] {
  return plugins.map((config) => ({
    name: config.name,
    entries: planPlugin(config, ANY_IDS, host).plan.entries,
    named: [...config.writable, ...config.visible].map((path) => hostFiles.real(path) ?? path),
  }));
}

function refusedBy(plugin: string, work: () => void): StartProblem | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    return problemOf(plugin, error);
  }
}

/** A home that is not made yet has the path that it will have. */
function withHomeAt(plugin: PluginConfig): PluginConfig {
  const { home } = plugin;
  return home === undefined ? plugin : { ...plugin, home: withoutTopLink(home, hostFiles) };
}

// Lists what the programs of `ask.hook` and of secrets are, and from where it may load something, so that no plugin writes there: they run outside of every sandbox. No
// language is known here, but what all of them do: an interpreter loads its own modules from the prefix that it is installed in, and those of a script from
// the script's folder or below. Node also searches the folders above. Runs in the supervisor, at each check and before each run.

/** Those that gateways trust or show. */
function certificateFiles(plugins: readonly PluginConfig[]): readonly string[] {
  return plugins.flatMap(({ gateway = [] }) =>
    gateway.flatMap(({ ca, client }) => [ca ?? [], client?.cert ?? []].flat()),
  );
}

function secretCommands(plugins: readonly PluginConfig[]): readonly HookCommand[] {
  return plugins.flatMap(({ secrets = {} }) =>
    Object.values(secrets).flatMap((source) => (source.from === 'command' ? [source.command] : [])),
  );
}

/** Below HOME, which a hook gets: Node's folders of modules for require(), and Python's user site. */
const IN_HOME: readonly string[] = ['.node_modules', '.node_libraries', '.local/lib'];

interface HookPlaces {
  /** Their programs, their scripts, and the interpreters that they name. */
  readonly files: readonly string[];
  /** Where something could be loaded from; each with all that lies below. */
  readonly folders: readonly string[];
}

function hookPlaces(hooks: readonly HookCommand[]): HookPlaces {
  const named = hooks.flatMap(({ files }) => files);
  if (named.length === 0) return { files: [], folders: [] };
  const files = named.flatMap((file) =>
    startedFiles({ command: [file], cwd: '/', env: { PATH: HOOK_PATH } }),
  );
  const homes = allHomes();
  const found = files
    .filter((file) => hostFiles.real(file) !== undefined)
    .flatMap((file) => [...steps(file, hostFiles)]);
  // An interpreter that is missing could come.
  const beside = [...files, ...found].map((file) => dirname(file));
  return {
    files,
    folders: [
      // protects: G20 ask: no plugin writes beside the hook's script
      ...beside,
      // protects: G20 ask: no plugin writes the prefix of the hook's interpreter
      ...found.map((file) => prefixOf(file, homes, hostFiles)),
      // protects: G20 ask: no plugin writes a package that the hook's Node finds
      ...beside.flatMap((folder) => modulesAbove(folder)),
      // protects: G20 ask: no plugin writes what the hook's interpreter finds in its home
      ...IN_HOME.flatMap((folder) => (process.env['HOME'] ? [join(process.env['HOME'], folder)] : [])),
      // protects: G20 ask: no plugin writes a folder of the hook's PATH (as root)
      ...HOOK_PATH.split(':'),
    ],
  };
}

function modulesAbove(folder: string): readonly string[] {
  const above = dirname(folder);
  return [join(folder, 'node_modules'), ...(above === folder ? [] : modulesAbove(above))];
}
