// The kernel's version: the least that every part of postern needs.
import type { Check } from './check.js';

const LEAST = [5, 14] as const;
export const LEAST_KERNEL: string = LEAST.join('.');

/** @param release as uname(2) has it: `6.1.0-13-amd64` */
export function isKernelNewEnough(platform: string, release: string): boolean {
  const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10));
  return platform === 'linux' && (major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1]));
}

export function checkKernel({
  platform,
  release,
}: {
  readonly platform: string;
  readonly release: string;
}): Check {
  const good = isKernelNewEnough(platform, release);
  return {
    name: 'kernel',
    state: good ? 'ok' : 'lacking',
    found: `${platform} ${release}`,
    needed: `linux ${LEAST_KERNEL} or newer`,
    mend: good ? undefined : `Boot Linux ${LEAST_KERNEL} or newer.`,
  };
}
