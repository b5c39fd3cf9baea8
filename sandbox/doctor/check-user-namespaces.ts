// User namespaces of an ordinary user; as root too an id without capabilities makes them. The causes that forbid them are
// tried from the surest to the vaguest. Without a known cause the message is that of unshare(1).

import { FILTER_SIGN, filterFix } from '../host/container-fix.js';
import { APPARMOR_SETTING, forbiddingSetting } from '../host/namespaces-failure.js';
import { appArmorFix } from './apparmor-fix.js';
import type { Check } from './check-result.js';
import type { HostFacts } from './host-facts.js';

/** The host's profile for a process in a new user namespace: it denies every capability. */
const POWERLESS = /\bunprivileged_userns\b/;
/** The same for programs that unshare(1) starts, where a profile for unshare is loaded. */
const OF_UNSHARE = /\bunpriv_\w+/;
const NEEDED = 'an ordinary user can make them';

interface Cause {
  readonly found: string;
  readonly fix?: string | undefined;
}

export function checkUserNamespaces(facts: HostFacts): Check {
  const cause = settingCause(facts) ?? appArmorCause(facts) ?? filterCause(facts) ?? otherCause(facts);
  if (cause !== undefined) return { name: 'user namespaces', state: 'missing', needed: NEEDED, ...cause };
  const { namespaces, settings } = facts;
  const label = namespaces?.label === undefined ? '' : `, AppArmor label ${namespaces.label}`;
  return {
    name: 'user namespaces',
    state: 'ok',
    found: `user.max_user_namespaces = ${settings['user.max_user_namespaces'] ?? 'no such setting'}${label}`,
    needed: NEEDED,
  };
}

function settingCause({ settings, container }: HostFacts): Cause | undefined {
  const forbidding = forbiddingSetting((name) => settings[name]);
  if (forbidding === undefined) return undefined;
  const { name, value, command, allows } = forbidding;
  const where =
    container === undefined || container.kind === 'systemd'
      ? 'as root'
      : `as root of the host (this is a container: ${container.sign})`;
  return {
    found: `${name} = ${value}`,
    fix: `Allow them, ${where}:\n  ${command}\nand for every boot:\n  echo '${name} = ${allows}' >/etc/sysctl.d/90-postern.conf`,
  };
}

function appArmorCause({ settings, namespaces, nodePath }: HostFacts): Cause | undefined {
  if (namespaces === undefined) return undefined;
  const label = namespaces.label ?? '';
  const profile = OF_UNSHARE.exec(label)?.[0];
  if (profile !== undefined) {
    return {
      found: `AppArmor label ${label} in a new user namespace`,
      fix: `A profile for unshare(1) removes every capability there; unload it, as root:\n  apparmor_parser -R $(grep -ls 'profile ${profile}' /etc/apparmor.d/*)`,
    };
  }
  if (settings[APPARMOR_SETTING] !== '1' || (namespaces.works && !POWERLESS.test(label))) return undefined;
  return { found: `${APPARMOR_SETTING} = 1`, fix: appArmorFix(nodePath) };
}

function filterCause(facts: HostFacts): Cause | undefined {
  const { namespaces } = facts;
  const fix = filterFix(facts);
  if (namespaces === undefined || namespaces.works || fix === undefined) return undefined;
  if (!namespaces.words.includes('not permitted')) return undefined;
  return { found: `${FILTER_SIGN}, and ${namespaces.words}`, fix };
}

function otherCause({ namespaces, settings, mountInfo }: HostFacts): Cause | undefined {
  if (namespaces === undefined) return { found: 'not tried: unshare(1) is missing' };
  if (namespaces.works) return undefined;
  const rooted = mountInfo.split('\n').some((line) => line.split(' ')[4] === '/');
  if (!rooted) {
    return {
      found: `a changed root (no mount at / in /proc/self/mountinfo), and ${namespaces.words}`,
      fix: 'The kernel makes no user namespace under chroot(2): start postern outside of it, or enter the folder by pivot_root(2).',
    };
  }
  if (/No space left/.test(namespaces.words)) {
    const name = 'user.max_user_namespaces';
    return {
      found: `${name} = ${settings[name]}, and ${namespaces.words}`,
      fix: `All permitted namespaces are in use, or 32 are nested; as root:\n  sysctl -w ${name}=${2 * Number(settings[name] ?? 5000)}`,
    };
  }
  return { found: namespaces.words };
}
