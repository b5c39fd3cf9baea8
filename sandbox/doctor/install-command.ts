// The command that installs a package: for this distribution by os-release(5), else for every known one.

const COMMANDS = {
  apt: 'apt-get install',
  dnf: 'dnf install',
  apk: 'apk add',
  pacman: 'pacman -S',
  zypper: 'zypper install',
} as const;

type Tool = keyof typeof COMMANDS;
export type Package = 'libseccomp' | 'libcap-ng' | 'util-linux';

const TOOL_OF: Readonly<Record<string, Tool>> = {
  debian: 'apt',
  ubuntu: 'apt',
  fedora: 'dnf',
  rhel: 'dnf',
  centos: 'dnf',
  alpine: 'apk',
  arch: 'pacman',
  suse: 'zypper',
  opensuse: 'zypper',
};

/** The package of each requirement in each distribution. */
const PACKAGES: Readonly<Record<Package, Readonly<Record<Tool, string>>>> = {
  libseccomp: {
    apt: 'libseccomp2',
    dnf: 'libseccomp',
    apk: 'libseccomp',
    pacman: 'libseccomp',
    zypper: 'libseccomp2',
  },
  'libcap-ng': {
    apt: 'libcap-ng0',
    dnf: 'libcap-ng',
    apk: 'libcap-ng',
    pacman: 'libcap-ng',
    zypper: 'libcap-ng0',
  },
  'util-linux': {
    apt: 'util-linux',
    dnf: 'util-linux',
    apk: 'util-linux',
    pacman: 'util-linux',
    zypper: 'util-linux',
  },
};

/** @param distribution ID and ID_LIKE, the nearest first */
export function installCommand(what: Package, distribution: readonly string[]): string {
  const names = PACKAGES[what];
  const tool = distribution.map((id) => TOOL_OF[id]).find((one) => one !== undefined);
  if (tool !== undefined) return `${COMMANDS[tool]} ${names[tool]}`;
  return (['apt', 'dnf', 'apk'] as const).map((one) => `${COMMANDS[one]} ${names[one]}`).join(', or ');
}
