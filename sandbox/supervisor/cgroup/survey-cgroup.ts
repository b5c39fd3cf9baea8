// Finds out whether sandboxes can have control groups here. It changes nothing. Runs in the supervisor.
import { accessSync, constants, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { findOwnCgroup } from './find-own-cgroup.js';

export const CONTROLLERS = ['memory', 'pids', 'cpu'] as const;
/** A group with processes can have no groups with limits below it. So the supervisor moves into this one, beside those of the sandboxes. */
export const SUPERVISOR_GROUP = 'supervisor';

export interface CgroupSurvey {
  /** The folder in which groups of sandboxes can be made; undefined for none, with the reason in `why`. */
  readonly base: string | undefined;
  /** This process's own group, where there is one. */
  readonly own: string | undefined;
  readonly why?: string;
}

export function surveyCgroup(): CgroupSurvey {
  const own = findOwnCgroup(read('/proc/self/cgroup'), read('/proc/self/mountinfo'));
  if (own === undefined) return { base: undefined, own, why: 'cgroup v2 is not mounted' };
  const base = basename(own) === SUPERVISOR_GROUP ? dirname(own) : own;
  const nowhere = (why: string): CgroupSurvey => ({ base: undefined, own, why });
  const given = read(join(base, 'cgroup.controllers')).trim().split(' ');
  const missing = CONTROLLERS.filter((controller) => !given.includes(controller));
  if (missing.length > 0) return nowhere(`"${base}" has no controller ${missing.join(', ')}`);
  for (const path of [base, join(base, 'cgroup.procs'), join(base, 'cgroup.subtree_control')])
    if (!isWritable(path)) return nowhere(`"${path}" is not writable`);
  // The rule does not apply to the root of all groups, which has no type.
  const others = read(join(base, 'cgroup.type')) === '' ? [] : othersIn(base);
  if (others.length > 0)
    return nowhere(`"${base}" has processes that are not postern's (${others.join(', ')})`);
  return { base, own };
}

/** The programs that started this process, for example a shell or npm, may move along. */
function othersIn(folder: string): readonly string[] {
  const family = new Set<string>();
  for (let pid = String(process.pid); Number(pid) > 0 && !family.has(pid); pid = parentOf(pid))
    family.add(pid);
  return processesIn(folder).filter((pid) => !family.has(pid) && parentOf(pid) !== String(process.pid));
}

export function processesIn(folder: string): readonly string[] {
  return read(join(folder, 'cgroup.procs')).split('\n').filter(Boolean);
}

function parentOf(pid: string): string {
  return /^PPid:\s*(\d+)$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? '0';
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
