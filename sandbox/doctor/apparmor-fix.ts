// The AppArmor profile that lets postern's Node make user namespaces where the host forbids them to ordinary users.
// unshare(1) inherits it: a profile of this mode passes to programs that have no profile.

/** Characters with a meaning in a quoted path of apparmor.d(5). */
const SPECIAL = /[\\*?[\]{}^"]/g;

/** @param nodePath the real path of the running Node, by which AppArmor knows it */
export function appArmorFix(nodePath: string): string {
  const path = nodePath.replace(SPECIAL, '\\$&').replaceAll("'", "'\\''");
  return `Allow them to Node; as root:
  echo 'abi <abi/4.0>,
  include <tunables/global>
  profile postern "${path}" flags=(unconfined) {
    userns,
  }' >/etc/apparmor.d/postern
  apparmor_parser -r /etc/apparmor.d/postern
It opens user namespaces to whatever runs in this Node, for every user of the host.
Or, which opens them to every program of every user:
  sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`;
}
