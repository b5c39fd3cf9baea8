// Makes a profile without conditions, for the container runtimes of Kubernetes. containerd ignores `includes` and `excludes`, and would apply
// every rule of an engine's default always.
import type { Profile, Rule } from './seccomp-profile-format.js';

/** The capabilities of a container unless its manifest says otherwise: the default of containerd and of Docker. */
const CAPABILITIES: readonly string[] = [
  'CAP_AUDIT_WRITE',
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_MKNOD',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_RAW',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
];
/** The oldest kernel that postern runs on. */
const KERNEL = [5, 14] as const;

/** The names of architectures in Go and libseccomp, by that in Node. */
const ARCHITECTURES = {
  x64: { go: 'amd64', native: 'SCMP_ARCH_X86_64' },
  arm64: { go: 'arm64', native: 'SCMP_ARCH_AARCH64' },
} as const;
export type Architecture = keyof typeof ARCHITECTURES;

export function isArchitecture(name: string): name is Architecture {
  return name in ARCHITECTURES;
}

export function resolveProfile(profile: Profile, architecture: Architecture): Profile {
  const { go, native } = ARCHITECTURES[architecture];
  const { archMap, syscalls, ...rest } = profile;
  const family = archMap?.find((entry) => entry.architecture === native);
  const rules = syscalls.filter((rule) => holds(rule, go)).map(withoutConditions);
  return {
    ...rest,
    architectures: family === undefined ? [native] : [native, ...(family.subArchitectures ?? [])],
    syscalls: rules,
  };
}

function holds({ includes, excludes }: Rule, architecture: string): boolean {
  const has = (name: string): boolean => CAPABILITIES.includes(name);
  const arches = includes?.arches ?? [];
  if (arches.length > 0 && !arches.includes(architecture)) return false;
  if (includes?.caps?.every(has) === false) return false;
  if (includes?.minKernel !== undefined && !isReached(includes.minKernel)) return false;
  if (excludes?.arches?.includes(architecture) === true || excludes?.caps?.some(has) === true) return false;
  return excludes?.minKernel === undefined || !isReached(excludes.minKernel);
}

function isReached(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return KERNEL[0] > major || (KERNEL[0] === major && KERNEL[1] >= minor);
}

function withoutConditions({ names, action, errnoRet, args }: Rule): Rule {
  return {
    names,
    action,
    ...(errnoRet === undefined ? {} : { errnoRet }),
    ...(args === undefined || args === null || args.length === 0 ? {} : { args }),
  };
}
