// Installs the Debian packages that a test needs, as root. Two of them may need some at the same time: apt-get(8) fails where another one is at work, so
// flock(1) lets them take turns.
import { spawnSync } from 'node:child_process';

export class NotReady extends Error {}

const LOCK = '/run/lock/postern-tests-apt';
const SECONDS = 600;
/** invoke-rc.d starts no service in runlevel 1: memcached's package would start one. */
const ENVIRONMENT = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C', RUNLEVEL: '1' };

/**
 * @param install whether to install missing packages instead of refusing
 * @throws NotReady
 */
export function needPackages(packages: readonly string[], install = true): void {
  const missing = packages.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  const installation = ['install', '-y', '-q', '--no-install-recommends', ...missing];
  if (!install || process.geteuid?.() !== 0)
    throw new NotReady(`Missing Debian packages; run as root: apt-get ${installation.join(' ')}`);
  process.stderr.write(`Installing ${missing.join(' ')}\n`);
  for (const args of [['update', '-q'], installation]) {
    const { status, stderr } = spawnSync('flock', ['--timeout', `${SECONDS}`, LOCK, 'apt-get', ...args], {
      ...{ encoding: 'utf8', env: ENVIRONMENT, timeout: 2 * SECONDS * 1_000 },
    });
    if (status !== 0) throw new NotReady(`apt-get cannot install ${missing.join(' ')}: ${stderr}`);
  }
}

function isInstalled(name: string): boolean {
  const { stdout } = spawnSync('dpkg-query', ['--status', name], { encoding: 'utf8' });
  return stdout?.includes('Status: install ok installed') ?? false;
}
