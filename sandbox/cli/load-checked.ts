// Loads a configuration file and asks what a start would refuse of it.

import { dirname } from 'node:path';
import { ConfigError, type ConfigProblem } from '../../shared/config/config-problem.js';
import { type Config, loadConfig } from '../../shared/config/load-config.js';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { PosternError } from '../../shared/errors.js';
import type { OwnFiles } from '../host/own-files.js';
import { readExportFiles } from '../supervisor/export/read-headers.js';
import type { StartProblem } from '../supervisor/files/path-problems.js';
import { keptPolicyPath } from '../supervisor/policy/kept-policy.js';
import { auditProblem } from '../supervisor/record/audit-sink.js';
import type { PlannedPlugin } from '../supervisor/root/shared-trees.js';
import {
  ownFilesOf,
  plannedPlugins,
  pluginProblems,
  startHostOf,
  startProblems,
} from '../supervisor/start-problems.js';

/** What postern has read of its own: the configuration, and the folder where a signed policy is kept. */
export function filesRead({ files, policy }: Config): readonly string[] {
  const [path = ''] = files;
  const kept = policy && keptPolicyPath(path);
  // protects: G24 policy: no plugin writes where it is kept => return files;
  return kept === undefined ? files : [...files, dirname(kept)];
}

/** The code, the configuration, the audit file and the hook. */
export function ownFilesIn(config: Config): OwnFiles {
  const { audit, control, hook, ui } = config;
  return ownFilesOf(
    {
      audit,
      ownFiles: filesRead(config),
      control: control === 'off' ? undefined : control,
      askHook: hook,
      ui,
    },
    pluginsOf(config),
  );
}

/** What is refused before any plugin starts. @throws ConfigError as {@link loadConfig} does */
export function loadChecked(path: string): Config {
  const config = loadConfig(path);
  const problems = [
    ...auditProblems(config),
    ...exportProblems(config),
    ...startProblems(pluginsOf(config), ownFilesIn(config)).map((problem) => placed(config, problem)),
  ];
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** What the starts of the plugins refuse, each of its own plugin. */
export async function problemsOfPlugins(config: Config): Promise<readonly ConfigProblem[]> {
  const plugins = pluginsOf(config);
  const host = startHostOf(plugins, ownFilesIn(config));
  const problems: ConfigProblem[] = [];
  for (const plugin of plugins)
    problems.push(...(await pluginProblems(plugin, host)).map((problem) => placed(config, problem)));
  return problems;
}

/** What each plugin would see, of a file without problems. */
export function plansOf(config: Config): readonly PlannedPlugin[] {
  const plugins = pluginsOf(config);
  return plannedPlugins(plugins, startHostOf(plugins, ownFilesIn(config)));
}

/** @returns the problem with its place in the file */
export function placed(
  config: Config,
  { code, plugin, key, path, message, fix }: StartProblem,
): ConfigProblem {
  return { ...config.problem(config.keyOf(plugin, key, path), message, fix), code };
}

function pluginsOf({ plugins }: Config): readonly PluginConfig[] {
  return plugins.map(({ config }) => config);
}

/** What it reads lies where no plugin writes, and has what the export needs. */
function exportProblems(config: Config): readonly ConfigProblem[] {
  if (config.export === undefined) return [];
  try {
    readExportFiles(config.export, startHostOf(pluginsOf(config), ownFilesIn(config)).written);
    return [];
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    const { code, fields, message, fix } = error;
    const key = String(fields['key'] ?? 'export').split('.');
    return [{ ...config.problem(key, message, fix), code }];
  }
}

function auditProblems(config: Config): readonly ConfigProblem[] {
  const problem = auditProblem(config.audit);
  if (problem === undefined) return [];
  const key = config.placeOf(['audit', 'to']) === undefined ? ['audit'] : ['audit', 'to'];
  return [{ ...config.problem(key, problem.message, problem.fix), code: 'audit_destination' }];
}
