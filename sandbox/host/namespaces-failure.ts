// The error for a host that refuses the namespaces: finds the cause from the message of unshare(1) or nsenter(1), and the host's settings.

import { readFileSync } from 'node:fs';
import { PosternError } from '../../shared/errors.js';
import { readConfinement } from './confinement.js';
import { briefContainerFix } from './container-fix.js';
import { shortageIn } from './shortage.js';

/** @param words the message of unshare(1) or nsenter(1), or of the attempt to start it */
export function namespacesFailure(words: string): PosternError {
  const said = words.trim().split('\n')[0] ?? '';
  return new PosternError(
    'launch_failed',
    `Cannot start the sandbox, step namespaces: ${said || 'unshare(1) failed'}`,
    {
      fix: fixFor(said),
      fields: { step: 'namespaces', errno: shortageIn(said) },
    },
  );
}

/** The fix in one line. `postern doctor` prints the whole fix, and what it opens. */
function fixFor(said: string): string {
  if (/ENOENT|EACCES|not found/.test(said))
    return 'install util-linux, which brings unshare, nsenter and setpriv';
  if (said.includes('unrecognized option'))
    return 'install util-linux 2.36 or newer, whose unshare has --keep-caps';
  const forbidding = forbiddingSetting(readSetting);
  if (forbidding !== undefined) return `allow user namespaces: ${forbidding.command}`;
  if (readSetting(APPARMOR_SETTING) === '1')
    return `${APPARMOR_SETTING} is 1: allow user namespaces to postern by a profile of AppArmor`;
  if (said.includes('No space left')) return 'too many namespaces: sysctl user.max_user_namespaces';
  return refusalFix(said) ?? 'this host, or the container that postern runs in, forbids user namespaces';
}

/** The refusal in the words of Node and of unshare(1), and as an errno. */
const REFUSED = /\b(?:EPERM|EACCES|EROFS)\b|not permitted|[Pp]ermission denied|[Rr]ead-only file system/;

/**
 * The change to the container's options, where a step of the launch was refused.
 *
 * @param said the message of the step
 * @returns undefined where the step failed for another reason, or no known part of the container refuses it
 */
export function refusalFix(said: string): string | undefined {
  return REFUSED.test(said) ? briefContainerFix(readConfinement()) : undefined;
}

// The kernel settings that forbid namespaces, and the commands that allow them again.

/** A setting of AppArmor. A profile may allow namespaces all the same, so the value alone decides nothing. */
export const APPARMOR_SETTING = 'kernel.apparmor_restrict_unprivileged_userns';

const KINDS = ['user', 'net', 'pid', 'mnt', 'ipc', 'uts', 'cgroup'] as const;

interface NamespaceSetting {
  readonly name: string;
  readonly forbids: string;
  readonly allows: string;
}

const SETTINGS: readonly NamespaceSetting[] = [
  ...KINDS.map((kind) => ({ name: `user.max_${kind}_namespaces`, forbids: '0', allows: '10000' })),
  // Only Debian and its derivatives have it.
  { name: 'kernel.unprivileged_userns_clone', forbids: '0', allows: '1' },
];

export const NAMESPACE_SETTINGS: readonly string[] = SETTINGS.map(({ name }) => name);

/** A setting whose value forbids namespaces, and the command that allows them until the next boot. */
interface ForbiddingSetting {
  readonly name: string;
  readonly value: string;
  readonly allows: string;
  readonly command: string;
}

/** @param read a setting's value by its name */
export function forbiddingSetting(read: (name: string) => string | undefined): ForbiddingSetting | undefined {
  const found = SETTINGS.find(({ name, forbids }) => read(name) === forbids);
  if (found === undefined) return undefined;
  const { name, forbids, allows } = found;
  return { name, value: forbids, allows, command: `sysctl -w ${name}=${allows}` };
}

// Reads a kernel setting by its sysctl(8) name.

/** @returns the value, trimmed; undefined where the kernel has no such setting */
export function readSetting(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, 'latin1').trim();
  } catch {
    return undefined;
  }
}
