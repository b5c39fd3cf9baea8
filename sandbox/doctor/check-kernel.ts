// What the kernel offers, and what its settings and an inherited filter leave of that. postern cannot run without the seccomp filter and
// pidfd_getfd(2), and runs degraded without most of the others.
import type { KernelFeatures } from '../../shared/sys/kernel-features.js';
import { LANDLOCK_UNIX } from '../../shared/sys/landlock.js';
import { FILTER_SIGN, filterFix } from '../host/container-fix.js';
import { degraded, type HostCheck, missing, type Outcome, ok } from './check-result.js';
import type { HostFacts } from './host-facts.js';

export const YAMA_SETTING = 'kernel.yama.ptrace_scope';
export const DUMPABLE_SETTING = 'fs.suid_dumpable';
/** What Landlock's versions add. It is the second layer beside seccomp. */
const FOR_TCP = 4;
const FOR_SCOPES = 6;

export const KERNEL_CHECKS: readonly HostCheck[] = [
  {
    name: 'seccomp filter',
    needed: 'seccomp(2) with filters',
    judge: ({ kernel }) =>
      kernel.seccompFilter
        ? ok('SECCOMP_RET_ERRNO available')
        : missing('SECCOMP_RET_ERRNO not available', 'Boot a kernel built with CONFIG_SECCOMP_FILTER=y.'),
  },
  {
    name: 'Landlock',
    needed: `ABI ${FOR_SCOPES} (Linux 6.12); ABI ${LANDLOCK_UNIX} (Linux 7.1) for AF_UNIX datagrams`,
    judge: judgeLandlock,
  },
  feature(
    'userNotification',
    'user notification',
    'seccomp(2) SECCOMP_RET_USER_NOTIF',
    'Programs that connect by themselves cannot be served; those that use the channel can.',
  ),
  feature(
    'waitKillable',
    'WAIT_KILLABLE_RECV',
    'Linux 5.19 or newer',
    'A signal that comes while a program connects by itself makes it ask a second time. Programs find no network interface by ioctl(2). Boot Linux 5.19 or newer.',
  ),
  feature(
    'threadPidfd',
    'PIDFD_THREAD',
    'Linux 6.9 or newer',
    'A thread that connects by itself after the main thread of its program has ended gets an error. Boot Linux 6.9 or newer.',
  ),
  feature(
    'netnsCookie',
    'SO_NETNS_COOKIE',
    'Linux 5.14 or newer',
    "The broker cannot know whose network a program's socket belongs to: programs that connect by themselves cannot be served.",
  ),
  feature(
    'passRights',
    'SO_PASSRIGHTS',
    'Linux 6.16 or newer',
    'Nothing is lost: the broker takes no descriptor from its sockets, and ends the session of a plugin that sends one.',
  ),
  {
    // By it the broker replaces a program's socket by a connected one. The filters of containers refuse it.
    name: 'pidfd_getfd(2)',
    needed: 'for programs that connect by themselves',
    judge: (facts) => {
      const fix = filterFix(facts);
      return facts.kernel.takesDescriptors ? ok('available') : missing(refused(fix), fix);
    },
  },
  {
    name: 'kcmp(2)',
    needed: 'for programs that connect in a thread, before Linux 6.9',
    judge: judgeComparing,
  },
  { name: 'Yama', needed: `${YAMA_SETTING} up to 2`, judge: judgeYama },
  { name: 'closed programs', needed: `${DUMPABLE_SETTING} other than 1`, judge: judgeDumpable },
];

function feature(key: keyof KernelFeatures, name: string, needed: string, without: string): HostCheck {
  const judge = ({ kernel }: HostFacts): Outcome =>
    kernel[key] ? ok('available') : degraded('not available', without);
  return { name, needed, judge };
}

function judgeLandlock({ landlock, release }: HostFacts): Outcome {
  if (typeof landlock === 'string') {
    return missing(
      `landlock_create_ruleset(2): ${landlock}`,
      'The kernel has Landlock, but something forbids it: allow landlock_create_ruleset, landlock_add_rule and landlock_restrict_self in the filter that holds for postern.',
    );
  }
  const found = landlock === 0 ? 'none' : `ABI ${landlock}`;
  return landlock >= FOR_SCOPES ? ok(found) : degraded(found, withoutLandlock(landlock, release));
}

function withoutLandlock(version: number, release: string): string {
  if (version === 0)
    return `Connections and files are kept by seccomp and mounts alone. This kernel (${release}) has none, or it is not among the modules that it was started with: boot Linux 6.12 or newer with landlock in lsm=.`;
  const scopes =
    'Abstract sockets and signals are kept by namespaces alone (from ABI 6, Linux 6.12, by Landlock too).';
  if (version >= FOR_TCP) return scopes;
  return `TCP connect and bind are refused by seccomp alone (from ABI 4, Linux 6.7, by Landlock too). ${scopes}`;
}

/**
 * Without kcmp(2) the broker compares inodes (descriptor-table.ts). But before PIDFD_THREAD no other call tells whether a thread has its process's
 * descriptors, so a thread that connects gets an error (caller-processes.ts).
 */
function judgeComparing(facts: HostFacts): Outcome {
  if (facts.kernel.comparesDescriptors) return ok('available');
  const byFilter = filterFix(facts);
  const found = refused(byFilter);
  return facts.kernel.threadPidfd
    ? degraded(
        found,
        'Nothing is lost: a connect of a program takes longer. The broker compares inodes instead.',
      )
    : missing(
        found,
        byFilter ?? 'A connect in another thread than the first gets an error. Boot Linux 6.9 or newer.',
      );
}

/** @param fix for an inherited filter */
function refused(fix: string | undefined): string {
  return fix === undefined ? 'refused' : `${FILTER_SIGN}, and it is refused`;
}

/**
 * Yama decides who may read a plugin's memory. Scopes 1 and 2 ask for CAP_SYS_PTRACE. The broker has it in the sandboxes' user
 * namespaces, which it owns. Scope 3 permits nobody (yama_ptrace_access_check() in the kernel's yama_lsm.c).
 */
function judgeYama({ settings }: HostFacts): Outcome {
  const scope = settings[YAMA_SETTING];
  if (scope === undefined) return ok('not in this kernel');
  const found = `${YAMA_SETTING} = ${scope}`;
  if (scope !== '3') return ok(found);
  return degraded(
    found,
    `No process can read another one: programs that connect by themselves cannot be served; those that use the channel can. The value holds until the next boot: set ${YAMA_SETTING} to 2 or less in /etc/sysctl.d and reboot.`,
  );
}

/** With 1, the kernel shows a program that may not be read as any other one, proc_sys_fs(5): see closed-programs.ts. */
function judgeDumpable({ settings }: HostFacts): Outcome {
  const value = settings[DUMPABLE_SETTING];
  const found = `${DUMPABLE_SETTING} = ${value ?? 'no such setting'}`;
  if (value !== '1') return ok(found);
  return degraded(
    found,
    `A broker that was taken over reaches files of the host by a sandbox that starts. As root: sysctl -w ${DUMPABLE_SETTING}=0`,
  );
}
