// What to tell a user whose host does not make the namespaces: from unshare(1)'s words to the setting that forbids it.
import { existsSync, readFileSync } from 'node:fs';
import { PosternError } from '../../shared/errors.js';

const SETTINGS: readonly { readonly path: string; readonly forbids: string; readonly mend: string }[] = [
  {
    path: '/proc/sys/kernel/unprivileged_userns_clone',
    forbids: '0',
    mend: 'allow user namespaces: sysctl kernel.unprivileged_userns_clone=1',
  },
  {
    path: '/proc/sys/user/max_user_namespaces',
    forbids: '0',
    mend: 'allow user namespaces: sysctl user.max_user_namespaces=10000',
  },
  {
    path: '/proc/sys/kernel/apparmor_restrict_unprivileged_userns',
    forbids: '1',
    mend: 'give Node an AppArmor profile with "userns,", or sysctl kernel.apparmor_restrict_unprivileged_userns=0',
  },
];

/** @param words what unshare(1), or the attempt to start it, said */
export function namespacesFailure(words: string): PosternError {
  const said = words.trim().split('\n')[0] ?? '';
  return new PosternError(
    'launch_failed',
    `Cannot start the sandbox, step namespaces: ${said || 'unshare(1) failed'}`,
    {
      mend: mendFor(said),
      fields: { step: 'namespaces', exitStatus: 125 },
    },
  );
}

function mendFor(said: string): string {
  if (/ENOENT|EACCES|not found/.test(said)) return 'install util-linux, which brings unshare and setpriv';
  if (said.includes('unrecognized option'))
    return 'install util-linux 2.36 or newer, whose unshare has --keep-caps';
  for (const { path, forbids, mend } of SETTINGS) {
    if (existsSync(path) && readFileSync(path, 'latin1').trim() === forbids) return mend;
  }
  if (said.includes('No space left')) return 'too many namespaces: sysctl user.max_user_namespaces';
  return 'this host, or the container that postern runs in, forbids user namespaces: in a container, allow unshare and mount (seccomp, AppArmor) and an unmasked /proc';
}
