// Checks the host and the configuration before anything starts. Runs in the supervisor.
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { ownPrivileges, type Privileges } from '../host/privileges.js';
import { requireLinux } from '../host/require-linux.js';
import { requireCounting } from './broker/connections-keeper.js';
import { leavingProblems } from './files/apart-problems.js';
import { refusal } from './files/start-problem.js';
import { readyHomes } from './home/kept-home.js';
import { requireRules } from './require-rules.js';
import type { StartHost } from './start/plan-plugin.js';
import { ownFilesOf, startHostOf, startProblems } from './start-problems.js';

/** What every start of a plugin needs to know. */
export interface Startable extends StartHost {
  readonly privileges: Privileges;
}

export interface StartContext {
  /** `stderr`, `stdout` or a path. */
  readonly audit: string | undefined;
  /** The path of the control socket, if there is one. */
  readonly control: string | undefined;
  /** Files that postern has read. */
  readonly ownFiles: readonly string[];
  /** Plugins that still run when the others' rules and listeners come into force. */
  readonly leaving: readonly PluginConfig[];
}

/**
 * Makes the kept homes that are not there yet.
 *
 * @throws PosternError `bad_rules`, `old_kernel`, `missing_capabilities`, `bad_home`, `path_not_apart`, `not_allowed`, `not_found`, `no_sock_diag`
 */
export function requireStartable(
  plugins: readonly PluginConfig[],
  { audit, control, ownFiles, leaving }: StartContext,
): Startable {
  requireLinux();
  const privileges = ownPrivileges();
  for (const plugin of plugins) requireRules(plugin);
  requireCounting(plugins);
  const own = ownFilesOf(plugins, audit, ownFiles, control);
  const [problem] = [
    ...startProblems(plugins, own),
    // protects: G14 a plugin that leaves replaces no socket of those that stay
    ...leavingProblems(plugins, leaving, own),
  ];
  if (problem !== undefined) throw refusal(problem);
  readyHomes(plugins);
  return { privileges, ...startHostOf(plugins, own) };
}
