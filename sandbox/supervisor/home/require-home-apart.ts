// Keeps a plugin's program, and everything that it sees of the host, out of kept homes. A plugin may write its home: it would
// decide what its next start runs or sees.
import { PosternError } from '../../../shared/errors.js';
import type { HostFiles } from '../files/host-files.js';
import { leadsThrough } from '../files/leads-through.js';
import { isWithin, moved } from '../files/path-within.js';
import { steps } from '../root/command-paths.js';
import type { RootPlan } from '../root/plan-root.js';
import { PLUGIN_HOME } from '../root/system-files.js';

interface Started {
  /** The command's first word. */
  readonly name: string;
  /** The program's path on the host; undefined where the host has none. */
  readonly program: string | undefined;
  /** The kept home of this plugin. */
  readonly home: string | undefined;
  /** The kept homes of all plugins. */
  readonly keptHomes: readonly string[];
}

/** @throws PosternError `bad_home` */
export function requireHomeApart(plan: RootPlan, started: Started, host: HostFiles): void {
  const { name, program, home, keptHomes } = started;
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
