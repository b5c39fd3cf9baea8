// The steps by which the broker gives up what it does not need, in the order that main.ts calls them: mounts, ids, system calls. Runs in the
// broker.

import { readFileSync, readlinkSync } from 'node:fs';
import { PosternError } from '../../shared/errors.js';
import { compileFilters } from '../../shared/sys/compile-filters.js';
import { loadProgramInAllThreads } from '../../shared/sys/filter-program.js';
import { makeAllMountsReadOnly } from '../../shared/sys/mount.js';
import {
  becomeGroup,
  becomeIds,
  becomeUndumpable,
  becomeUser,
  ownThreadIds,
} from '../../shared/sys/process-control.js';
import { holdsRing } from './holds-ring.js';
import { sandboxFilters } from './sandbox-rules.js';

// The broker sandbox. The broker parses hostile bytes, and an attacker who takes it over must gain nothing more: no exec, no fork, no
// file to write, no other process's memory to change. There is no Landlock
// domain, which would forbid the broker to read its plugins, ptrace(2).

/** @throws PosternError `broker_cage`, or `seccomp` with the step that failed */
export function enterBrokerSandbox(): void {
  // protects: G16 with an io_uring nothing is served
  if (holdsRing())
    throw new PosternError('broker_cage', 'Cannot confine the broker: its event loop has an io_uring');
  // Its memory holds the requests of every plugin.
  // protects: G16 broker sandbox: its memory is closed to its own user
  becomeUndumpable();
  // protects: G16 broker sandbox: it holds for every thread (fails closed) => (() => { })(compileFilters(sandboxFilters(process.pid)));
  loadProgramInAllThreads(compileFilters(sandboxFilters(process.pid)));
  for (const { thread, status } of ownThreads()) {
    const capability = /^Cap(?:Inh|Prm|Eff|Amb):\s*0*[1-9a-f][0-9a-f]*$/m.exec(status);
    if (capability !== null)
      throw new PosternError(
        'broker_cage',
        `Cannot confine the broker: its thread ${thread} has ${capability[0]}`,
      );
    if (!/^Seccomp:\s+2$/m.test(status))
      throw new PosternError(
        'broker_cage',
        `Cannot confine the broker: its thread ${thread} has no seccomp filter`,
      );
  }
}

// This process's threads, with the text of each one's status, proc_pid_status(5).

interface OwnThread {
  readonly thread: number;
  readonly status: string;
}

/** A thread that has ended since the listing, as V8's may, is left out. */
function ownThreads(): readonly OwnThread[] {
  return ownThreadIds().flatMap((thread) => {
    try {
      return [{ thread, status: readFileSync(`/proc/${thread}/status`, 'latin1') }];
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ESRCH') return [];
      throw error;
    }
  });
}

// Takes on the broker's own ids for good, and checks every thread, credentials(7) and capabilities(7). Runs in the broker before it is
// ready, and before it has seen a byte of any plugin.

/**
 * Drops supplementary groups, then the group id, then the user id. libc makes each change in every thread; the bare system calls
 * would change one. Node's own functions refuse if Node might use io_uring, and some Nodes with a shared libuv always refuse
 * (CVE-2024-22017). enter-sandbox.ts makes sure that there is no ring.
 *
 * @throws PosternError `broker_ids` if a privilege is left, or a way back is open
 */
export function takeIds({ uid, gid }: { readonly uid: number; readonly gid: number }): void {
  try {
    // protects: G16 broker: it has no capability and an id of its own (fails closed) (as root)
    becomeIds(uid, gid);
  } catch (cause) {
    throw failure(`setgroups, setresgid ${gid}, setresuid ${uid}: ${(cause as Error).message}`, cause);
  }
  for (const { status } of ownThreads()) checkThread(status, uid, gid);
  checkNoWayBack('setresuid 0', () => becomeUser(0));
  checkNoWayBack('setresgid 0', () => becomeGroup(0));
}

function checkThread(status: string, uid: number, gid: number): void {
  const field = (name: string): string =>
    new RegExp(`^${name}:[\\t ]*(.*?)[\\t ]*$`, 'm').exec(status)?.[1] ?? '?';
  const expected: Readonly<Record<string, string>> = {
    Uid: Array(4).fill(uid).join('\t'),
    Gid: Array(4).fill(gid).join('\t'),
    Groups: '',
  };
  for (const [name, value] of Object.entries(expected)) {
    if (field(name) !== value) throw failure(`${name} of a thread is "${field(name)}", not "${value}"`);
  }
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) {
    if (!/^0+$/.test(field(set))) throw failure(`${set} of a thread is ${field(set)}`);
  }
}

function checkNoWayBack(step: string, attempt: () => void): void {
  try {
    attempt();
  } catch {
    return;
  }
  throw failure(`${step} succeeded`);
}

function failure(what: string, cause?: unknown): PosternError {
  return new PosternError('broker_ids', `Cannot give up the broker's privileges: ${what}`, {
    fix: 'start postern as root with CAP_SETUID, CAP_SETGID and CAP_SETPCAP, or as an ordinary user',
    cause,
  });
}

// Makes every host file that the broker sees read-only. Runs in the broker while it is still root, in the mount namespace that the
// supervisor made for it.

/**
 * @param supervisorMounts the supervisor's mount namespace. The supervisor reads it: the broker would need CAP_SYS_PTRACE
 * @throws PosternError `broker_mounts` if this process is in that namespace: the host would become read-only
 */
export function sealMounts(supervisorMounts: string | undefined): void {
  if (supervisorMounts === undefined || readlinkSync('/proc/self/ns/mnt') === supervisorMounts)
    throw new PosternError('broker_mounts', 'The broker has no mount namespace of its own');
  // protects: G16 broker: all that it sees of the host is read-only (as root)
  makeAllMountsReadOnly();
}
