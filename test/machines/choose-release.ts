// Chooses the kernel of the archive that a machine gets.
import type { Architecture } from './machines.js';

/**
 * @param names of packages
 * @param version the version's first numbers, or "newest"
 * @returns the newest release of that version, as in /lib/modules
 */
export function chooseRelease(names: readonly string[], architecture: Architecture, version: string): string {
  const pattern = new RegExp(`^linux-image-(\\d+\\.\\d+\\.[^-]*(?:-\\d+)?-cloud-${architecture})$`);
  const releases = names
    .flatMap((name) => pattern.exec(name)?.[1] ?? [])
    .sort(new Intl.Collator('en', { numeric: true }).compare);
  const fitting = version === 'newest' ? releases : releases.filter((name) => name.startsWith(`${version}.`));
  const newest = fitting.at(-1);
  if (newest === undefined)
    throw new Error(
      `Debian's archive has no cloud kernel ${version} for ${architecture}: ${releases.join(' ')}`,
    );
  return newest;
}
