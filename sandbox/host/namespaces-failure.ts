// What to tell a user whose host does not make the namespaces: from unshare(1)'s words to the setting that forbids it.
import { PosternError } from '../../shared/errors.js';
import { briefContainerFix } from './container-fix.js';
import { APPARMOR_SETTING, forbiddingSetting } from './namespace-settings.js';
import { readConfinement } from './read-confinement.js';
import { readSetting } from './read-setting.js';

/** @param words what unshare(1), or the attempt to start it, said */
export function namespacesFailure(words: string): PosternError {
  const said = words.trim().split('\n')[0] ?? '';
  return new PosternError(
    'launch_failed',
    `Cannot start the sandbox, step namespaces: ${said || 'unshare(1) failed'}`,
    {
      fix: fixFor(said),
      fields: { step: 'namespaces', exitStatus: 125 },
    },
  );
}

/** In one line; the whole fix, with what it opens, is `postern doctor`'s. */
function fixFor(said: string): string {
  if (/ENOENT|EACCES|not found/.test(said)) return 'install util-linux, which brings unshare';
  if (said.includes('unrecognized option'))
    return 'install util-linux 2.36 or newer, whose unshare has --keep-caps';
  const forbidding = forbiddingSetting(readSetting);
  if (forbidding !== undefined) return `allow user namespaces: ${forbidding.command}`;
  if (readSetting(APPARMOR_SETTING) === '1')
    return `${APPARMOR_SETTING} is 1: allow them to Node by a profile`;
  if (said.includes('No space left')) return 'too many namespaces: sysctl user.max_user_namespaces';
  return refusalFix(said) ?? 'this host, or the container that postern runs in, forbids user namespaces';
}

/** As Node and unshare(1) put it, and the errno alone. */
const REFUSED = /\b(?:EPERM|EACCES|EROFS)\b|not permitted|[Pp]ermission denied|[Rr]ead-only file system/;

/**
 * What to change about the container where a step of the launch is refused.
 *
 * @param said what the step said
 * @returns undefined where it was not refused, or where nothing that is known of the container refuses it
 */
export function refusalFix(said: string): string | undefined {
  return REFUSED.test(said) ? briefContainerFix(readConfinement()) : undefined;
}
