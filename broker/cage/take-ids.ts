// Takes on the broker's own ids for good, and checks every thread, credentials(7) and capabilities(7). Runs in the broker before it is
// ready, and before it has seen a byte of any plugin.
import { PosternError } from '../../shared/errors.js';
import { becomeGroup, becomeIds, becomeUser } from '../../shared/sys/process-control.js';
import { ownThreads } from './own-threads.js';

/**
 * Drops supplementary groups, then the group id, then the user id. libc makes each change in every thread; the bare system calls
 * would change one. Node's own functions refuse if Node might use io_uring, and some Nodes with a shared libuv always refuse
 * (CVE-2024-22017). enter-cage.ts makes sure that there is no ring.
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
