// Features of newer kernels. postern cannot run without the seccomp filter, and runs degraded without the others.
import type { KernelFeatures } from '../../shared/sys/kernel-features.js';
import type { Check } from './check-result.js';
import type { HostFacts } from './host-facts.js';

interface Feature {
  readonly key: keyof KernelFeatures;
  readonly name: string;
  readonly needed: string;
  readonly without: string;
}

const FEATURES: readonly Feature[] = [
  {
    key: 'userNotification',
    name: 'user notification',
    needed: 'seccomp(2) SECCOMP_RET_USER_NOTIF',
    without: 'Programs that connect by themselves cannot be served; those that use the channel can.',
  },
  {
    key: 'waitKillable',
    name: 'WAIT_KILLABLE_RECV',
    needed: 'Linux 5.19 or newer',
    without:
      'A signal that comes while a program connects by itself makes it ask a second time. Programs find no network interface by ioctl(2). Boot Linux 5.19 or newer.',
  },
  {
    key: 'threadPidfd',
    name: 'PIDFD_THREAD',
    needed: 'Linux 6.9 or newer',
    without:
      'A thread that connects by itself after the main thread of its program has ended gets an error. Boot Linux 6.9 or newer.',
  },
  {
    key: 'netnsCookie',
    name: 'SO_NETNS_COOKIE',
    needed: 'Linux 5.14 or newer',
    without:
      "The broker cannot know whose network a program's socket belongs to: programs that connect by themselves cannot be served.",
  },
  {
    key: 'passRights',
    name: 'SO_PASSRIGHTS',
    needed: 'Linux 6.16 or newer',
    without:
      'Nothing is lost: the broker takes no descriptor from its sockets, and ends the session of a plugin that sends one.',
  },
];

export function checkSeccomp({ kernel }: HostFacts): Check {
  return {
    name: 'seccomp filter',
    state: kernel.seccompFilter ? 'ok' : 'missing',
    found: `SECCOMP_RET_ERRNO ${kernel.seccompFilter ? 'available' : 'not available'}`,
    needed: 'seccomp(2) with filters',
    fix: kernel.seccompFilter ? undefined : 'Boot a kernel built with CONFIG_SECCOMP_FILTER=y.',
  };
}

export function checkFeatures({ kernel }: HostFacts): readonly Check[] {
  return FEATURES.map(({ key, name, needed, without }) => ({
    name,
    state: kernel[key] ? 'ok' : 'degraded',
    found: kernel[key] ? 'available' : 'not available',
    needed,
    fix: kernel[key] ? undefined : without,
  }));
}
