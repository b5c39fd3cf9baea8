// A control group for a test, delegated to the test's user, where the tests run as root on cgroup v2.
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { CONTROLLERS } from '../../sandbox/supervisor/cgroup/survey-cgroup.js';
import type { User } from './users.js';

const NOBODY = 65_534;

export interface DelegatedCgroup {
  readonly folder: string;
  /** Words that run a command in it. */
  readonly inside: readonly string[];
  /** The groups of sandboxes that exist. */
  readonly sandboxes: () => readonly string[];
  readonly remove: () => void;
}

/** The reason why no group can be made here; undefined where one can. */
export function whyNoCgroup(): string | undefined {
  if (process.geteuid?.() !== 0) return 'only root can delegate one';
  const mount = mountPoint();
  if (mount === undefined) return 'cgroup v2 is not mounted';
  const given = readFileSync(join(mount, 'cgroup.controllers'), 'utf8').trim().split(' ');
  const missing = CONTROLLERS.filter((controller) => !given.includes(controller));
  if (missing.length > 0) return `cgroup v2 has no controller ${missing.join(', ')} here`;
  try {
    enable(mount);
  } catch (error) {
    return (error as Error).message;
  }
  return undefined;
}

let number = 0;

export function delegatedCgroup(user: User): DelegatedCgroup {
  const mount = mountPoint();
  if (mount === undefined) throw new Error('cgroup v2 is not mounted');
  number += 1;
  const folder = join(mount, `postern-test-${process.pid}-${number}`);
  mkdirSync(folder);
  for (const file of user === 'root' ? [] : ['.', 'cgroup.procs', 'cgroup.subtree_control', 'cgroup.threads'])
    chownSync(join(folder, file), NOBODY, NOBODY);
  return {
    folder,
    inside: ['sh', '-c', `echo $$ >${folder}/cgroup.procs && exec "$@"`, 'sh'],
    sandboxes: () => readdirSync(folder).filter((name) => name.startsWith('postern-')),
    remove: () => {
      for (const entry of readdirSync(folder, { withFileTypes: true }))
        if (entry.isDirectory()) rmdirSync(join(folder, entry.name));
      rmdirSync(folder);
    },
  };
}

function mountPoint(): string | undefined {
  const line = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((text) => text.includes(' - cgroup2 '));
  const point = line?.split(' ')[4];
  return point !== undefined && existsSync(join(point, 'cgroup.controllers')) ? point : undefined;
}

function enable(folder: string): void {
  writeFileSync(join(folder, 'cgroup.subtree_control'), CONTROLLERS.map((name) => `+${name}`).join(' '));
}
