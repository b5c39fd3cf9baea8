// Makes this process's control group one below which sandboxes have their own. Runs in the supervisor, before anything is started.
import { existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PosternError } from '../../../shared/errors.js';
import { CONTROLLERS, processesIn, SUPERVISOR_GROUP, surveyCgroup } from './survey-cgroup.js';

const GROUP_NAME = /^postern-(\d+)-\d+-/;

/**
 * @param what the limit that wants one, for the error
 * @returns the folder in which groups may be made
 * @throws PosternError `no_cgroup`: what is not delegated cannot be limited, and nothing is started without its limit
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

/** The name of a sandbox's group, by which a later supervisor knows whether it is in use. */
export function groupName(plugin: string, number: number): string {
  return `postern-${process.pid}-${number}-${plugin}`;
}

/** A group with processes has no controllers for groups below it, but for the root of all: they go into one of their own. */
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

/** A supervisor that was killed leaves the groups of its sandboxes, which ended with it. */
function removeStale(base: string): void {
  for (const name of readdirSync(base)) {
    const pid = GROUP_NAME.exec(name)?.[1];
    if (pid === undefined || (pid !== String(process.pid) && existsSync(`/proc/${pid}`))) continue;
    try {
      rmdirSync(join(base, name));
    } catch {
      // It has processes: they are still ending.
    }
  }
}

function noCgroup(what: string, why: string): PosternError {
  const scope = process.geteuid?.() === 0 ? 'systemd-run --scope' : 'systemd-run --user --scope';
  return new PosternError('no_cgroup', `Cannot limit ${what} without a control group: ${why}`, {
    fix: `start it in one that is delegated, ${scope} -p Delegate=yes postern …, or leave the limit out`,
  });
}
