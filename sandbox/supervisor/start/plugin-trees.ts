// The mounts of a sandbox's root that map the owners of their files to the plugin's ids. Runs in the supervisor.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { PosternError } from '../../../shared/errors.js';
import { landlockVersion } from '../../../shared/sys/landlock.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import type { IdRange } from '../../host/id-range.js';
import type { Privileges } from '../../host/privileges.js';
import { type CopiedTrees, copyTrees } from '../owners/copy-trees.js';
import { keptOwners } from '../owners/kept-owners.js';
import { exposedTrees } from '../root/exposed-trees.js';
import type { RootPlan } from '../root/plan-root.js';
import { INNER_ID } from './inner-id.js';
import { maskPipes } from './mask-pipes.js';

export interface TreesHost {
  readonly privileges: Privileges;
  /** Takes lines for the operator. */
  readonly onNotice: (text: string) => void;
}

/**
 * Root copies the mounts itself. A user leaves that to the launcher, which then has the user's own id.
 *
 * @param held takes each descriptor that is opened on the way
 * @throws PosternError `bad_home`, and as {@link copyTrees} does
 */
export async function pluginTrees(
  { privileges, onNotice }: TreesHost,
  config: PluginConfig,
  plan: RootPlan,
  range: IdRange | undefined,
  held: OwnedFd[],
): Promise<Omit<CopiedTrees, 'unmapped'>> {
  const { entries } = plan;
  const exposed = exposedTrees(plan, landlockVersion() > 0);
  if (range !== undefined && privileges === 'root') {
    const copied = await copyTrees(entries, exposed, held, range.base + INNER_ID, onNotice);
    const masks = await maskPipes(plan, copied.unmapped, onNotice);
    return { ...copied, entries: [...copied.entries, ...masks] };
  }
  const masked = [...entries, ...(await maskPipes(plan, exposed, onNotice))];
  if (range === undefined) return { entries: masked, trees: [] };
  if (config.home !== undefined) {
    throw new PosternError(
      'bad_home',
      `Cannot keep a home in "${config.home}": root without CAP_SYS_ADMIN cannot map the ids of its files`,
      { fix: 'add that capability, or start postern as the owner of the folder' },
    );
  }
  for (const line of keptOwners(config)) onNotice(line);
  return { entries: masked, trees: [] };
}
