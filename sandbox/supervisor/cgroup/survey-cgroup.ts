// Finds out whether sandboxes can have control groups here. It changes nothing. Runs in the supervisor.
import { accessSync, constants } from 'node:fs';
import { basename, dirname, join, posix } from 'node:path';
import { readIfThere } from '../../../shared/read-file.js';

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
  return readIfThere(path) ?? '';
}

// Finds the folder of this process's control group, cgroups(7). A pure function of the texts of /proc/self/cgroup and mountinfo.

/** @returns undefined where cgroup v2 is not mounted, or the mount does not contain the own group */
export function findOwnCgroup(cgroup: string, mountInfo: string): string | undefined {
  const path = /^0::(\/.*)$/m.exec(cgroup)?.[1];
  if (path === undefined || path.startsWith('/..')) return undefined;
  for (const line of mountInfo.split('\n')) {
    const [, , , root = '', point = '', ...rest] = line.split(' ');
    if (rest[rest.indexOf('-') + 1] !== 'cgroup2') continue;
    const below = posix.relative(unescaped(root), path);
    if (!below.startsWith('..')) return posix.join(unescaped(point), below);
  }
  return undefined;
}

/** The kernel writes blanks and some other characters as octal numbers. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
