// Makes the plugin's environment from an allowlist, so that it inherits no secrets of the supervisor. A pure function.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { compilePolicy } from '../../../shared/policy/compile-policy.js';
import { openPorts } from '../../../shared/policy/judge-name.js';
import { NOTIFY_PATH } from '../../../shared/sandbox-places.js';
import { PLUGIN_HOME } from '../root/system-files.js';

const PASSED = ['PATH', 'LANG', 'TERM', 'TZ', 'NO_COLOR'];
const PASSED_WHERE_VISIBLE = ['SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_EXTRA_CA_CERTS'];
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin';

/**
 * @param outside the supervisor's environment
 * @param named the variables that the configuration sets
 * @param isVisible whether a path of the host shows in the sandbox
 * @param descriptors the numbers of the channel's descriptors, and the names of the listeners, which come before them
 * @param hasNotices whether the plugin has a notify socket
 * @returns KEY=VALUE strings
 */
export function pluginEnvironment(
  outside: Readonly<Record<string, string | undefined>>,
  named: Readonly<Record<string, string>>,
  isVisible: (path: string) => boolean,
  descriptors: { readonly request: number; readonly reply: number; readonly listeners: readonly string[] },
  hasNotices = false,
): readonly string[] {
  const result: Record<string, string> = { PATH: DEFAULT_PATH };
  for (const [key, value] of Object.entries(outside)) {
    if (value === undefined) continue;
    const passes =
      /* protects: G15 the environment is an allowlist => true */ PASSED.includes(key) ||
      key.startsWith('LC_');
    if (passes || (PASSED_WHERE_VISIBLE.includes(key) && isVisible(value))) result[key] = value;
  }
  Object.assign(result, { HOME: PLUGIN_HOME, TMPDIR: '/tmp' }, named, {
    POSTERN_REQUEST_FD: String(descriptors.request),
    POSTERN_REPLY_FD: String(descriptors.reply),
  });
  if (descriptors.listeners.length > 0) {
    // sd_listen_fds(3). The launcher adds LISTEN_PID, the plugin's pid as the plugin sees it.
    delete result['LISTEN_PID'];
    result['LISTEN_FDS'] = String(descriptors.listeners.length);
    result['LISTEN_FDNAMES'] = descriptors.listeners.join(':');
  }
  if (hasNotices) result['NOTIFY_SOCKET'] = NOTIFY_PATH;
  return Object.entries(result).map(([key, value]) => `${key}=${value}`);
}

const REGISTRY = { name: 'registry.npmjs.org', port: 443 };
/** Compiling more rules would take a start's time. */
const MOST_RULES = 1_000;

/**
 * npm asks a registry that refuses again for 71 s, whatever the error is. It gives up at once only without tries. So do the programs that start npm,
 * and pnpm, which reads the variable too. Where the rules open the registry, or could while the plugin runs, there is no variable.
 */
export function npmVariables({
  allow,
  deny,
  mode,
  unknown,
}: Pick<PluginConfig, 'allow' | 'deny' | 'mode' | 'unknown'>): Readonly<Record<string, string>> {
  if (mode === 'audit' || unknown === 'ask' || allow.length + deny.length > MOST_RULES) return {};
  const compiled = compilePolicy({ allow, deny });
  const isOpen =
    !compiled.ok ||
    openPorts(compiled.policy, REGISTRY.name).allowed.some(
      ({ low, high }) => low <= REGISTRY.port && REGISTRY.port <= high,
    );
  return isOpen ? {} : { npm_config_fetch_retries: '0' };
}

/** Whether postern passes a variable of its own on to plugins, where it leads to no file that they do not see. */
export function mayPass(key: string): boolean {
  return PASSED.includes(key) || key.startsWith('LC_') || PASSED_WHERE_VISIBLE.includes(key);
}

// The environment of postern's start, of which a plugin gets parts. deploy/command.sh renames some variables to keep them from
// Node. They do not go back into process.env: spawn() would give NODE_V8_COVERAGE to every child.

export const KEPT = 'POSTERN_OUTSIDE_';
const kept: Record<string, string | undefined> = {};

for (const [key, value] of Object.entries(process.env)) {
  if (!key.startsWith(KEPT)) continue;
  kept[key.slice(KEPT.length)] = value;
  delete process.env[key];
}

export function outsideEnvironment(): Readonly<Record<string, string | undefined>> {
  return { ...process.env, ...kept };
}
