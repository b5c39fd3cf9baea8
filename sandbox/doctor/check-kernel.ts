// The kernel's version, against the oldest one that postern runs on.

import { isKernelNewEnough, LEAST_KERNEL } from '../host/require-linux.js';
import type { Check } from './check-result.js';

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
    state: good ? 'ok' : 'missing',
    found: `${platform} ${release}`,
    needed: `linux ${LEAST_KERNEL} or newer`,
    fix: good ? undefined : `Boot Linux ${LEAST_KERNEL} or newer.`,
  };
}
