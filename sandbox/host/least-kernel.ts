// The oldest kernel that postern runs on.

const LEAST = [5, 14] as const;
export const LEAST_KERNEL: string = LEAST.join('.');

/** @param release as uname(2) returns it: `6.1.0-13-amd64` */
export function isKernelNewEnough(platform: string, release: string): boolean {
  const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10));
  return platform === 'linux' && (major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1]));
}
