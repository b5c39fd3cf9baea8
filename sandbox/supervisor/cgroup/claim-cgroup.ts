// Prepares this process's control group, so that sandboxes can have groups below it. Runs in the supervisor, before anything starts.
import { existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PosternError } from '../../../shared/errors.js';
import { CONTROLLERS, processesIn, SUPERVISOR_GROUP, surveyCgroup } from './survey-cgroup.js';

const GROUP_NAME = /^postern-(\d+)-\d+-/;

/**
 * @param what the limit that needs a group, for the error
 * @returns the folder in which groups can be made
 * @throws PosternError `no_cgroup` where no group is delegated: nothing is started without its limit
 */
export function claimCgroup(what: string): string {
  const { base, why } = surveyCgroup();
  if (base === undefined) throw noCgroup(what, why ?? '');
  try {
    enable(base);
  } catch (error) {
    throw noCgroup(what, (error as Error).message);
  }
  removeStale(base);
  return base;
}

/** The name of a sandbox's group tells a later supervisor whether it is in use. */
export function groupName(plugin: string, number: number): string {
  return `postern-${process.pid}-${number}-${plugin}`;
}

/** Except at the root, a group with processes gives no controllers to groups below it: so the processes move to a separate group. */
function enable(base: string): void {
  const wanted = CONTROLLERS.map((controller) => `+${controller}`).join(' ');
  if (existsSync(join(base, 'cgroup.type'))) {
    const leaf = join(base, SUPERVISOR_GROUP);
    for (const pid of processesIn(base)) {
      mkdirSync(leaf, { recursive: true });
      writeFileSync(join(leaf, 'cgroup.procs'), pid);
    }
  }
  writeFileSync(join(base, 'cgroup.subtree_control'), wanted);
}

/** Removes the groups that a killed supervisor left. Its sandboxes ended with it. */
function removeStale(base: string): void {
  for (const name of readdirSync(base)) {
    const pid = GROUP_NAME.exec(name)?.[1];
    if (pid === undefined || (pid !== String(process.pid) && existsSync(`/proc/${pid}`))) continue;
    try {
      rmdirSync(join(base, name));
    } catch {
      // The group has processes that are still ending.
    }
  }
}

function noCgroup(what: string, why: string): PosternError {
  const scope = process.geteuid?.() === 0 ? 'systemd-run --scope' : 'systemd-run --user --scope';
  return new PosternError('no_cgroup', `Cannot limit ${what} without a control group: ${why}`, {
    fix: `start postern in a delegated one, ${scope} -p Delegate=yes postern …, or remove the limit`,
  });
}
