// Checks the host and the configuration before anything starts. Runs in the supervisor.
import { variablesOfGateway } from '../../shared/config/gateway-keys.js';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { PosternError } from '../../shared/errors.js';
import { compilePolicy } from '../../shared/policy/compile-policy.js';
import { ownPrivileges, type Privileges } from '../host/privileges.js';
import { requireLinux } from '../host/require-linux.js';
import { withholdVariables } from '../host/secret-variables.js';
import { requireCounting } from './broker/kept.js';
import { refusal } from './files/path-problems.js';
import { makeHome } from './home/kept-home.js';
import type { StartHost } from './start/plan-plugin.js';
import {
  type LiveRuns,
  liveProblems,
  type OwnOptions,
  ownFilesOf,
  startHostOf,
  startProblems,
} from './start-problems.js';

/** What every start of a plugin needs to know. */
export interface Startable extends StartHost {
  readonly privileges: Privileges;
}

/**
 * Makes the kept homes that are not there yet.
 *
 * @param runs those that have not ended
 * @throws PosternError `bad_rules`, `old_kernel`, `missing_capabilities`, `bad_home`, `path_not_apart`, `not_allowed`, `not_found`, `no_sock_diag`
 */
export function requireStartable(
  plugins: readonly PluginConfig[],
  options: OwnOptions,
  runs: LiveRuns,
): Startable {
  requireLinux();
  const privileges = ownPrivileges();
  for (const plugin of plugins) requireRules(plugin);
  requireCounting(plugins);
  withholdVariables(plugins.flatMap((plugin) => variablesOfGateway(plugin).secrets));
  const own = ownFilesOf(options, plugins);
  const [problem] = [...startProblems(plugins, own), ...liveProblems(plugins, own, runs)];
  if (problem !== undefined) throw refusal(problem);
  for (const { home } of plugins) if (home !== undefined) makeHome(home);
  return { privileges, ...startHostOf(plugins, own) };
}

// Checks the rules before anything is started. The broker, which decides, compiles them again.

/** @throws PosternError `bad_rules` */
function requireRules({ name, allow, deny, mode }: PluginConfig): void {
  const result = compilePolicy({ allow, deny, mode });
  if (result.ok) return;
  const lines = result.problems.map(
    ({ list, message, suggestion }) =>
      `${list}: ${message}${suggestion === undefined ? '' : ` (try ${suggestion})`}`,
  );
  throw new PosternError('bad_rules', `Bad rules for "${name}": ${lines.join('; ')}`);
}
