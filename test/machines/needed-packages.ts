// Checks the packages that this host needs to make a machine.
import { spawnSync } from 'node:child_process';
import { command } from './command.js';
import type { Machine } from './machines.js';

const ALWAYS = ['debootstrap', 'e2fsprogs', 'cpio', 'kmod', 'xz-utils', 'debian-archive-keyring'];
const EMULATORS = { amd64: 'qemu-system-x86', arm64: 'qemu-system-arm' } as const;

export class NotReady extends Error {}

/** @param install whether to install missing packages instead of refusing */
export async function needPackages(machines: readonly Machine[], install: boolean): Promise<void> {
  if (process.geteuid?.() !== 0)
    throw new NotReady('Only root can build a machine: debootstrap needs chroot(2)');
  const needed = new Set([...ALWAYS, ...machines.map(({ architecture }) => EMULATORS[architecture])]);
  const missing = [...needed].filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  const installation = ['apt-get', 'install', '-y', '--no-install-recommends', ...missing];
  if (!install) throw new NotReady(`Missing Debian packages; run: ${installation.join(' ')}`);
  process.stderr.write(`Installing ${missing.join(' ')}\n`);
  await command(['apt-get', 'update'], { seconds: 300 });
  await command(installation, { seconds: 600 });
}

function isInstalled(name: string): boolean {
  const { stdout } = spawnSync('dpkg-query', ['--status', name], { encoding: 'utf8' });
  return stdout?.includes('Status: install ok installed') ?? false;
}
