// User namespaces of an ordinary user, and a fresh /proc in them; as root too an id without capabilities makes them. The causes that
// forbid them are tried from the surest to the vaguest. Without a known cause the message is that of unshare(1).

import { bundlePath } from '../../shared/bundles.js';
import {
  confiningProfile,
  containerFix,
  coveredProc,
  FILTER_SIGN,
  filterFix,
} from '../host/container-fix.js';
import { APPARMOR_SETTING, forbiddingSetting } from '../host/namespaces-failure.js';
import { shellWord } from '../host/shell-word.js';
import { type HostCheck, missing, type Outcome, ok } from './check-result.js';
import type { HostFacts } from './host-facts.js';

/** The host's profile for a process in a new user namespace: it denies every capability. */
const POWERLESS = /\bunprivileged_userns\b/;
/** The same for programs that unshare(1) starts, where a profile for unshare is loaded. */
const OF_UNSHARE = /\bunpriv_\w+/;
/** AppArmor knows a script by its own path, and what the script starts keeps the profile. */
const COMMAND = bundlePath('postern');
/** Where the Debian package has it, with a profile for it. */
const PACKAGED = '/usr/lib/postern/dist/run/postern.js';
/** Characters with a meaning in a quoted path of apparmor.d(5). */
const SPECIAL = /[\\*?[\]{}^"]/g;

export const NAMESPACE_CHECKS: readonly HostCheck[] = [
  { name: 'user namespaces', needed: 'an ordinary user can make them', judge: judgeNamespaces },
  { name: 'fresh /proc', needed: 'a user namespace can mount one', judge: judgeProc },
];

function judgeNamespaces(facts: HostFacts): Outcome {
  const cause =
    settingCause(facts) ??
    appArmorCause(facts) ??
    filterCause(facts) ??
    profileCause(facts) ??
    otherCause(facts);
  if (cause !== undefined) return cause;
  const { namespaces, settings } = facts;
  const label = namespaces?.label === undefined ? '' : `, AppArmor label ${namespaces.label}`;
  return ok(
    `user.max_user_namespaces = ${settings['user.max_user_namespaces'] ?? 'no such setting'}${label}`,
  );
}

function settingCause({ settings, container }: HostFacts): Outcome | undefined {
  const forbidding = forbiddingSetting((name) => settings[name]);
  if (forbidding === undefined) return undefined;
  const { name, value, command, allows } = forbidding;
  const where =
    container === undefined || container.kind === 'systemd'
      ? 'as root'
      : `as root of the host (this is a container: ${container.sign})`;
  return missing(
    `${name} = ${value}`,
    `Allow them, ${where}:\n  ${command}\nand for every boot:\n  echo '${name} = ${allows}' >/etc/sysctl.d/90-postern.conf`,
  );
}

function appArmorCause({ settings, namespaces }: HostFacts): Outcome | undefined {
  if (namespaces === undefined) return undefined;
  const label = namespaces.label ?? '';
  const profile = OF_UNSHARE.exec(label)?.[0];
  if (profile !== undefined) {
    return missing(
      `AppArmor label ${label} in a new user namespace`,
      `A profile for unshare(1) removes every capability there; unload it, as root:\n  apparmor_parser -R $(grep -ls 'profile ${profile}' /etc/apparmor.d/*)`,
    );
  }
  if (settings[APPARMOR_SETTING] !== '1' || (namespaces.works && !POWERLESS.test(label))) return undefined;
  return missing(`${APPARMOR_SETTING} = 1`, appArmorFix(COMMAND));
}

/**
 * The profile that lets postern make user namespaces where the host forbids them to ordinary users, and no other program. unshare(1) inherits
 * it: a profile of this mode passes to programs that have no profile.
 *
 * @param command the real path of postern's command
 */
export function appArmorFix(command: string): string {
  const path = command.replace(SPECIAL, '\\$&').replaceAll("'", "'\\''");
  const load = 'apparmor_parser -r /etc/apparmor.d/postern';
  const profile =
    command === PACKAGED
      ? `Load the profile of the package; as root:
  ${load}`
      : `Allow them to postern; as root:
  echo 'abi <abi/4.0>,
  include <tunables/global>
  profile postern "${path}" flags=(unconfined) {
    userns,
  }' >/etc/apparmor.d/postern
  ${load}`;
  return `${profile}
It holds for the command postern. A program that has postern as a library needs such a profile for itself.
Or, which opens them to every program of every user:
  sysctl -w ${APPARMOR_SETTING}=0`;
}

function filterCause(facts: HostFacts): Outcome | undefined {
  const { namespaces } = facts;
  const fix = filterFix(facts);
  if (namespaces === undefined || namespaces.works || fix === undefined) return undefined;
  if (!namespaces.words.includes('not permitted')) return undefined;
  return missing(`${FILTER_SIGN}, and ${namespaces.words}`, fix);
}

/** AppArmor's refusal is EACCES; the kernel's own is EPERM. */
function profileCause(facts: HostFacts): Outcome | undefined {
  const { namespaces } = facts;
  const profile = confiningProfile(facts);
  if (namespaces === undefined || namespaces.works || profile === undefined) return undefined;
  if (!/permission denied/i.test(namespaces.words)) return undefined;
  return missing(
    `AppArmor profile ${profile}, and ${namespaces.words}`,
    (facts.container?.kind === 'systemd' ? undefined : containerFix(facts)) ??
      'Start postern outside of this profile, or give the profile these rules:\n  userns,\n  capability,\n  mount,\n  umount,\n  pivot_root,',
  );
}

function otherCause({ namespaces, settings, mountInfo }: HostFacts): Outcome | undefined {
  if (namespaces === undefined) return missing('not tried: unshare(1) is missing');
  if (namespaces.works) return undefined;
  const rooted = mountInfo.split('\n').some((line) => line.split(' ')[4] === '/');
  if (!rooted) {
    return missing(
      `a changed root (no mount at / in /proc/self/mountinfo), and ${namespaces.words}`,
      'The kernel makes no user namespace under chroot(2): start postern outside of it, or enter the folder by pivot_root(2).',
    );
  }
  if (/No space left/.test(namespaces.words)) {
    const name = 'user.max_user_namespaces';
    return missing(
      `${name} = ${settings[name]}, and ${namespaces.words}`,
      `All permitted namespaces are in use, or 32 are nested; as root:\n  sysctl -w ${name}=${2 * Number(settings[name] ?? 5000)}`,
    );
  }
  return missing(namespaces.words);
}

/** A sandbox gets a fresh /proc. The kernel permits it only where postern sees a whole /proc, and where nothing forbids mounts. */
function judgeProc(facts: HostFacts): Outcome {
  const { freshProc, mountInfo } = facts;
  const covered = coveredProc(mountInfo);
  if (freshProc?.works === true) return ok('mounted');
  if (covered.length > 0)
    return missing(
      `masked by mounts on ${covered.join(', ')}`,
      containerFix(facts) ?? `Remove the mounts, as root:\n  umount ${covered.map(shellWord).join(' ')}`,
    );
  if (freshProc === undefined) return ok('nothing is mounted over /proc (not tried: no user namespace)');
  const profile = confiningProfile(facts);
  if (profile !== undefined)
    return missing(
      `AppArmor profile ${profile}, and ${freshProc.words}`,
      (facts.container?.kind === 'systemd' ? undefined : containerFix(facts)) ??
        'The profile forbids mounts: start postern outside of it.',
    );
  const fix = filterFix(facts);
  return missing(fix === undefined ? freshProc.words : `${FILTER_SIGN}, and ${freshProc.words}`, fix);
}
