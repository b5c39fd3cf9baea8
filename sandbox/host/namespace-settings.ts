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
export interface ForbiddingSetting {
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
