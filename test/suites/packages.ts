// Installs the Debian packages that the suites need, as root. Another user only hears their names.
import { spawnSync } from 'node:child_process';

export class NotReady extends Error {}

export function needPackages(packages: readonly string[]): void {
  const missing = packages.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  const installation = ['install', '-y', '-q', '--no-install-recommends', ...missing];
  if (process.geteuid?.() !== 0)
    throw new NotReady(`Missing Debian packages; run as root: apt-get ${installation.join(' ')}`);
  process.stderr.write(`Installing ${missing.join(' ')}\n`);
  for (const args of [['update', '-q'], installation]) {
    const { status, stderr } = spawnSync('apt-get', args, { encoding: 'utf8', env: ENVIRONMENT });
    if (status !== 0) throw new NotReady(`apt-get cannot install ${missing.join(' ')}: ${stderr}`);
  }
}

/** invoke-rc.d starts no service in runlevel 1: memcached's package would start one. */
const ENVIRONMENT = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C', RUNLEVEL: '1' };

function isInstalled(name: string): boolean {
  const { stdout } = spawnSync('dpkg-query', ['--status', name], { encoding: 'utf8' });
  return stdout?.includes('Status: install ok installed') ?? false;
}
