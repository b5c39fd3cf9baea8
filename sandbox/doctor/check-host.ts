// All checks that need no trial, in the order of the output: the machine, what postern starts and loads there, and the host's limits.
import { LIMIT_FORMS } from '../../shared/config/limit-forms.js';
import { BROKER_DESCRIPTORS } from '../../shared/limits.js';
import { SYSTEM_PATH } from '../host/find-program.js';
import { isKernelNewEnough, LEAST_KERNEL } from '../host/require-linux.js';
import { shellWord } from '../host/shell-word.js';
import { ID_RANGE_CHECK } from './check-id-range.js';
import { KERNEL_CHECKS } from './check-kernel.js';
import { NAMESPACE_CHECKS } from './check-namespaces.js';
import { degraded, type HostCheck, missing, type Outcome, ok } from './check-result.js';
import type { HostFacts } from './host-facts.js';
import { installCommand } from './install-command.js';

const ARCHITECTURES = ['x64', 'arm64'];
const LEAST_NODE = 20;
/** The first version that knows every call of the filters that has no entry in call-numbers.ts: rseq and io_pgetevents came last. */
const LEAST_SECCOMP = [2, 4] as const;
const PLUGIN_DESCRIPTORS = LIMIT_FORMS.descriptors.default;

export const HOST_CHECKS: readonly HostCheck[] = [
  {
    name: 'kernel',
    needed: `linux ${LEAST_KERNEL} or newer`,
    judge: ({ platform, release }) => {
      const found = `${platform} ${release}`;
      return isKernelNewEnough(platform, release)
        ? ok(found)
        : missing(found, `Boot Linux ${LEAST_KERNEL} or newer.`);
    },
  },
  {
    name: 'architecture',
    needed: ARCHITECTURES.join(' or '),
    judge: ({ architecture }) =>
      ARCHITECTURES.includes(architecture)
        ? ok(architecture)
        : missing(
            architecture,
            'The filters are written for x86-64 and arm64: run postern, and its Node, on one of them.',
          ),
  },
  {
    name: 'node',
    needed: `v${LEAST_NODE} or newer`,
    judge: ({ nodeVersion, nodePath }) => {
      const found = `${nodeVersion} (${nodePath})`;
      return Number.parseInt(nodeVersion.replace(/^v/, ''), 10) >= LEAST_NODE
        ? ok(found)
        : missing(found, `Start postern with Node ${LEAST_NODE} or newer; this one is ${nodePath}.`);
    },
  },
  ...NAMESPACE_CHECKS,
  ID_RANGE_CHECK,
  {
    name: 'own code',
    needed: 'files that other users may read, where root starts postern',
    judge: judgeOwnCode,
  },
  {
    name: 'unshare(1)',
    needed: 'util-linux 2.36 or newer, whose unshare has --keep-caps',
    judge: judgeUnshare,
  },
  {
    name: '/bin/sh',
    needed: 'a POSIX shell',
    judge: ({ shell }) =>
      shell
        ? ok('there')
        : missing(
            'missing, or not executable',
            'Put a POSIX shell there: as a link, to dash, bash or busybox.',
          ),
  },
  {
    name: 'libseccomp',
    needed: `libseccomp.so.2, version ${LEAST_SECCOMP.join('.')} or newer`,
    judge: judgeLibseccomp,
  },
  {
    name: 'libcap-ng',
    needed: 'libcap-ng.so.0',
    judge: ({ libcapNg, distribution }) =>
      libcapNg.loads
        ? ok('libcap-ng.so.0 loads')
        : missing(
            `libcap-ng.so.0: ${libcapNg.why}`,
            `Install it: ${installCommand('libcap-ng', distribution)}`,
          ),
  },
  ...KERNEL_CHECKS,
  {
    name: 'name servers',
    needed: 'a nameserver line in /etc/resolv.conf, for rules with names',
    judge: judgeDns,
  },
  {
    // The broker's hard limit bounds how many connections it can make at the same time.
    name: 'descriptors',
    needed: `${PLUGIN_DESCRIPTORS}; ${BROKER_DESCRIPTORS} for a busy broker`,
    judge: judgeDescriptors,
  },
  {
    name: 'cgroup',
    needed: 'a delegated one of version 2, for total_memory_mib and cpu_percent',
    judge: judgeCgroup,
  },
];

/** Whether a sandbox's launcher may read postern's own files. */
function judgeOwnCode({ root, ownCode: { folder, closed }, nodePath }: HostFacts): Outcome {
  if (closed === undefined || !root) return ok(folder);
  const inside = closed.path === folder || closed.path.startsWith(`${folder}/`);
  return missing(
    `"${closed.path}" has mode ${closed.mode}`,
    inside
      ? `Let other users read what lies in that folder:\n  chmod -R o+rX ${shellWord(folder)}`
      : `Let other users run Node:\n  chmod o+rx ${shellWord(nodePath)}`,
  );
}

function judgeUnshare({ unshare, distribution }: HostFacts): Outcome {
  const install = installCommand('util-linux', distribution);
  if (unshare === undefined) return missing(`not in ${SYSTEM_PATH}`, `Install it: ${install}`);
  const found = `${unshare.path}: ${unshare.version}`;
  if (unshare.misses !== undefined)
    return missing(`${found}, and no ${unshare.misses}(1) in ${SYSTEM_PATH}`, `Install it: ${install}`);
  if (unshare.keepsCapabilities) return ok(found);
  return missing(`${found}, without --keep-caps`, `Install util-linux 2.36 or newer: ${install}`);
}

function judgeLibseccomp({ libseccomp, distribution }: HostFacts): Outcome {
  const install = installCommand('libseccomp', distribution);
  if (!libseccomp.loads) return missing(`libseccomp.so.2: ${libseccomp.why}`, `Install it: ${install}`);
  const found = `version ${libseccomp.version}`;
  const [major = 0, minor = 0] = (libseccomp.version ?? '').split('.').map(Number);
  const good = major > LEAST_SECCOMP[0] || (major === LEAST_SECCOMP[0] && minor >= LEAST_SECCOMP[1]);
  if (good) return ok(found);
  return missing(found, `Install a newer one: ${install}, of a release that has ${LEAST_SECCOMP.join('.')}.`);
}

function judgeDns({ resolvConf }: HostFacts): Outcome {
  const servers = [...(resolvConf ?? '').matchAll(/^\s*nameserver\s+(\S+)/gm)].map((match) => match[1]);
  if (servers.length > 0) return ok(servers.join(', '));
  return degraded(
    resolvConf === undefined ? '/etc/resolv.conf cannot be read' : 'no nameserver line in /etc/resolv.conf',
    'Names cannot be resolved, addresses can be reached: add a line "nameserver ADDRESS" there, or start with --dns ADDRESS (dns: in postern.yaml).',
  );
}

function judgeDescriptors({ descriptorLimit, container }: HostFacts): Outcome {
  const found = `RLIMIT_NOFILE, hard: ${descriptorLimit}`;
  if (descriptorLimit >= BROKER_DESCRIPTORS) return ok(found);
  const raise =
    container?.kind === 'systemd'
      ? `systemctl edit ${container.unit}, and there:\n  [Service]\n  LimitNOFILE=${BROKER_DESCRIPTORS}`
      : container?.kind === 'docker' || container?.kind === 'podman'
        ? `${container.kind} run --ulimit nofile=${BROKER_DESCRIPTORS}:${BROKER_DESCRIPTORS} …`
        : `as root, for the shell that starts postern: prlimit --pid $$ --nofile=${BROKER_DESCRIPTORS}:${BROKER_DESCRIPTORS}`;
  const what =
    descriptorLimit < PLUGIN_DESCRIPTORS
      ? `A plugin gets ${descriptorLimit}, not ${PLUGIN_DESCRIPTORS}.`
      : 'The broker can make fewer connections at the same time.';
  return degraded(found, `${what} Raise it; ${raise}`);
}

/** Two limits need a delegated control group, the others need none. */
function judgeCgroup({ cgroup, root, container }: HostFacts): Outcome {
  if (cgroup.base !== undefined) return ok(`"${cgroup.base}" is delegated`);
  const consequence = 'Without it a plugin with one of these limits does not start.';
  return degraded(cgroup.why ?? 'none', `${consequence} ${howToDelegate(root, container)}`);
}

function howToDelegate(root: boolean, container: HostFacts['container']): string {
  if (container?.kind === 'systemd')
    return `systemctl edit ${container.unit}, and there:\n  [Service]\n  Delegate=yes`;
  if (container !== undefined)
    return "The container's engine has to mount /sys/fs/cgroup writable, as Docker does with --privileged.";
  return `Start postern in one:\n  systemd-run ${root ? '' : '--user '}--scope -p Delegate=yes postern …`;
}
