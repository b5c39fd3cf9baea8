import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { appArmorFix } from '../../sandbox/doctor/check-namespaces.js';
import type { Check } from '../../sandbox/doctor/check-result.js';
import { examine } from '../../sandbox/doctor/examine.js';
import type { HostFacts } from '../../sandbox/doctor/host-facts.js';
import type { Trial } from '../../sandbox/doctor/trial.js';
import { bundlePath, DIST } from '../../shared/bundles.js';
import {
  CONNECTED,
  DOCKER,
  FEATURES,
  GOOD,
  KUBERNETES,
  MADE,
  MASKED,
  NO_NAMESPACES,
  PODMAN,
  REFUSED,
  SYSTEMD,
} from './good-host.js';

function check(name: string, change: Partial<HostFacts>, trial: Trial = MADE): Check {
  const found = examine({ ...GOOD, ...change }, trial).checks.find((one) => one.name === name);
  assert.ok(found, name);
  return found;
}

interface Failing {
  readonly of: string;
  readonly when: string;
  readonly facts?: Partial<HostFacts>;
  readonly trial?: Trial;
  readonly state?: 'missing' | 'degraded';
  readonly found: string;
  readonly fix: string | undefined;
}

const OLD_THREADS = { ...FEATURES, threadPidfd: false };

const setting = (name: string, value: string): Partial<HostFacts> => ({
  ...NO_NAMESPACES,
  settings: { ...GOOD.settings, [name]: value },
});
const PROFILE = `Allow them to postern; as root:
  echo 'abi <abi/4.0>,
  include <tunables/global>
  profile postern "${bundlePath('postern')}" flags=(unconfined) {
    userns,
  }' >/etc/apparmor.d/postern
  apparmor_parser -r /etc/apparmor.d/postern
It holds for the command postern. A program that has postern as a library needs such a profile for itself.
Or, which opens them to every program of every user:
  sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`;
const FILTERED = `a seccomp filter (Seccomp: 2 in /proc/self/status), and ${REFUSED}`;
const CALLS =
  'unshare, clone, setns, mount, umount2, pivot_root, open_tree, move_mount, mount_setattr, sethostname, setdomainname, pidfd_getfd and kcmp';
const SCRIPT = bundlePath('seccomp-profile');
const DOCKER_DEFAULT = 'https://raw.githubusercontent.com/moby/profiles/main/seccomp/default.json';
const WITHOUT_FILE = "Or, which removes the container's whole filter: seccomp=unconfined";
const APPARMOR = join(DIST, '../deploy/container/apparmor');
const CONFINED = `Load the profile postern-container first, as root of the host, with this container's image:
  docker run --rm --entrypoint cat IMAGE ${APPARMOR} >postern-container && apparmor_parser -r postern-container
Or, which removes the container's whole profile, and with AppArmor 3: apparmor=unconfined`;
const AS_USER =
  "Run it as a user too (--user 1000:1000): root of this container is root of the host, and could then write the host's /proc/sys.";

const FAILING: readonly Failing[] = [
  {
    of: 'kernel',
    when: 'it is older than 5.14',
    facts: { release: '5.13.19-generic' },
    found: 'linux 5.13.19-generic',
    fix: 'Boot Linux 5.14 or newer.',
  },
  {
    of: 'architecture',
    when: 'the filters are for another one',
    facts: { architecture: 'riscv64' },
    found: 'riscv64',
    fix: 'The filters are written for x86-64 and arm64: run postern, and its Node, on one of them.',
  },
  {
    of: 'node',
    when: 'it is older than 20',
    facts: { nodeVersion: 'v18.19.0' },
    found: 'v18.19.0 (/usr/bin/node)',
    fix: 'Start postern with Node 20 or newer; this one is /usr/bin/node.',
  },
  {
    of: 'user namespaces',
    when: 'none may be made',
    facts: setting('user.max_user_namespaces', '0'),
    found: 'user.max_user_namespaces = 0',
    fix: `Allow them, as root:
  sysctl -w user.max_user_namespaces=10000
and for every boot:
  echo 'user.max_user_namespaces = 10000' >/etc/sysctl.d/90-postern.conf`,
  },
  {
    of: 'user namespaces',
    when: 'no network namespace may be made, in a container',
    facts: { ...setting('user.max_net_namespaces', '0'), container: DOCKER },
    found: 'user.max_net_namespaces = 0',
    fix: `Allow them, as root of the host (this is a container: /.dockerenv):
  sysctl -w user.max_net_namespaces=10000
and for every boot:
  echo 'user.max_net_namespaces = 10000' >/etc/sysctl.d/90-postern.conf`,
  },
  {
    of: 'user namespaces',
    when: "Debian's setting forbids them",
    facts: setting('kernel.unprivileged_userns_clone', '0'),
    found: 'kernel.unprivileged_userns_clone = 0',
    fix: `Allow them, as root:
  sysctl -w kernel.unprivileged_userns_clone=1
and for every boot:
  echo 'kernel.unprivileged_userns_clone = 1' >/etc/sysctl.d/90-postern.conf`,
  },
  {
    of: 'user namespaces',
    when: 'AppArmor refuses them',
    facts: setting('kernel.apparmor_restrict_unprivileged_userns', '1'),
    found: 'kernel.apparmor_restrict_unprivileged_userns = 1',
    fix: PROFILE,
  },
  {
    of: 'user namespaces',
    when: 'AppArmor takes their capabilities away',
    facts: {
      ...setting('kernel.apparmor_restrict_unprivileged_userns', '1'),
      namespaces: { works: true, words: '', label: 'unprivileged_userns (enforce)' },
    },
    found: 'kernel.apparmor_restrict_unprivileged_userns = 1',
    fix: PROFILE,
  },
  {
    of: 'user namespaces',
    when: 'a profile of AppArmor that confines postern refuses them',
    facts: {
      namespaces: { works: false, words: 'unshare: unshare failed: Permission denied' },
      appArmorLabel: 'agents (enforce)',
    },
    found: 'AppArmor profile agents (enforce), and unshare: unshare failed: Permission denied',
    fix: `Start postern outside of this profile, or give the profile these rules:
  userns,
  capability,
  mount,
  umount,
  pivot_root,`,
  },
  {
    of: 'user namespaces',
    when: 'unshare(1) has a profile of its own',
    facts: {
      ...setting('kernel.apparmor_restrict_unprivileged_userns', '1'),
      namespaces: { works: true, words: '', label: 'unshare//&unpriv_unshare (enforce)' },
    },
    found: 'AppArmor label unshare//&unpriv_unshare (enforce) in a new user namespace',
    fix: `A profile for unshare(1) removes every capability there; unload it, as root:
  apparmor_parser -R $(grep -ls 'profile unpriv_unshare' /etc/apparmor.d/*)`,
  },
  {
    of: 'user namespaces',
    when: "Docker's defaults forbid them, with all of them fixed at once",
    facts: {
      ...NO_NAMESPACES,
      seccompMode: 2,
      container: DOCKER,
      appArmorLabel: 'docker-default (enforce)',
      mountInfo: MASKED,
    },
    found: FILTERED,
    fix: `Start the container with these options (known by /.dockerenv):
  docker run --security-opt seccomp=postern-seccomp.json --security-opt apparmor=postern-container --security-opt systempaths=unconfined …
Make postern-seccomp.json first, on the host, with this container's image, from Docker's default, which is
  ${DOCKER_DEFAULT}:
  docker run --rm -i --entrypoint /usr/bin/node IMAGE ${SCRIPT} - <default.json >postern-seccomp.json
${WITHOUT_FILE}
${CONFINED}`,
  },
  {
    of: 'user namespaces',
    when: "Podman's filter forbids them",
    facts: { ...NO_NAMESPACES, seccompMode: 2, container: PODMAN, mountInfo: MASKED, root: true },
    found: FILTERED,
    fix: `Start the container with these options (known by /run/.containerenv):
  podman run --security-opt seccomp=postern-seccomp.json --security-opt unmask=ALL …
Make postern-seccomp.json first, on the host, with this container's image, from Podman's default:
  podman run --rm -i --entrypoint /usr/bin/node IMAGE ${SCRIPT} - </usr/share/containers/seccomp.json >postern-seccomp.json
${WITHOUT_FILE}
${AS_USER}`,
  },
  {
    of: 'user namespaces',
    when: "Kubernetes' defaults forbid them",
    facts: {
      ...NO_NAMESPACES,
      seccompMode: 2,
      container: KUBERNETES,
      appArmorLabel: 'cri-containerd.apparmor.d (enforce)',
      mountInfo: MASKED,
    },
    found: FILTERED,
    fix: `In the pod's manifest (known by KUBERNETES_SERVICE_HOST in the environment):
  spec:
    hostUsers: false
    containers:
    - securityContext:
        seccompProfile: {type: Localhost, localhostProfile: postern-seccomp.json}
        appArmorProfile: {type: Localhost, localhostProfile: postern-container}
        procMount: Unmasked
        runAsUser: 1000
Make postern-seccomp.json first, in /var/lib/kubelet/seccomp of each node, from an engine's default: Podman's (/usr/share/containers/seccomp.json),
or Docker's (${DOCKER_DEFAULT}):
  node ${SCRIPT} --kubernetes default.json >postern-seccomp.json
Load ${APPARMOR} of the image on each node, by apparmor_parser -r.`,
  },
  {
    of: 'user namespaces',
    when: "a unit's filter forbids them",
    facts: { ...NO_NAMESPACES, seccompMode: 2, container: SYSTEMD },
    found: FILTERED,
    fix: `systemctl edit worker.service, and there (known by worker.service in /proc/self/cgroup):
  [Service]
  RestrictNamespaces=no
  SystemCallFilter=`,
  },
  {
    of: 'user namespaces',
    when: 'a filter of unknown origin forbids them',
    facts: { ...NO_NAMESPACES, seccompMode: 2 },
    found: FILTERED,
    fix: `Start postern without the seccomp filter that it inherits, or allow in that filter ${CALLS}.`,
  },
  {
    of: 'user namespaces',
    when: 'the root is changed',
    facts: { ...NO_NAMESPACES, mountInfo: '' },
    found: `a changed root (no mount at / in /proc/self/mountinfo), and ${REFUSED}`,
    fix: 'The kernel makes no user namespace under chroot(2): start postern outside of it, or enter the folder by pivot_root(2).',
  },
  {
    of: 'user namespaces',
    when: 'all that are allowed are in use',
    facts: {
      namespaces: { works: false, words: 'unshare: unshare failed: No space left on device' },
      freshProc: undefined,
    },
    found: 'user.max_user_namespaces = 63000, and unshare: unshare failed: No space left on device',
    fix: `All permitted namespaces are in use, or 32 are nested; as root:
  sysctl -w user.max_user_namespaces=126000`,
  },
  {
    of: 'user namespaces',
    when: 'no value explains it, and suggests no guess as a fix',
    facts: NO_NAMESPACES,
    found: REFUSED,
    fix: undefined,
  },
  {
    of: 'fresh /proc',
    when: 'Docker masks it',
    facts: {
      freshProc: { works: false, words: 'unshare: mount /proc failed: Operation not permitted' },
      container: DOCKER,
      mountInfo: MASKED,
    },
    found: 'masked by mounts on /proc/sys, /proc/kcore',
    fix: `Start the container with these options (known by /.dockerenv):
  docker run --security-opt systempaths=unconfined …`,
  },
  {
    of: 'fresh /proc',
    when: 'a unit masks it, and no namespace could be made to try',
    facts: { ...NO_NAMESPACES, container: SYSTEMD, mountInfo: MASKED },
    found: 'masked by mounts on /proc/sys, /proc/kcore',
    fix: `systemctl edit worker.service, and there (known by worker.service in /proc/self/cgroup):
  [Service]
  ProtectKernelTunables=no
  ProtectKernelLogs=no`,
  },
  {
    of: 'fresh /proc',
    when: 'something is mounted over it',
    facts: { freshProc: { works: false, words: 'unshare: mount /proc failed' }, mountInfo: MASKED },
    found: 'masked by mounts on /proc/sys, /proc/kcore',
    fix: 'Remove the mounts, as root:\n  umount /proc/sys /proc/kcore',
  },
  {
    of: 'fresh /proc',
    when: "Docker's AppArmor profile forbids mounts",
    facts: {
      freshProc: {
        works: false,
        words: 'unshare: cannot change root filesystem propagation: Permission denied',
      },
      container: DOCKER,
      appArmorLabel: 'docker-default (enforce)',
    },
    found:
      'AppArmor profile docker-default (enforce), and unshare: cannot change root filesystem propagation: Permission denied',
    fix: `Start the container with these options (known by /.dockerenv):
  docker run --security-opt apparmor=postern-container …
${CONFINED}`,
  },
  {
    of: 'fresh /proc',
    when: 'a filter forbids mounts',
    facts: {
      seccompMode: 2,
      freshProc: { works: false, words: 'unshare: mount /proc failed: Operation not permitted' },
    },
    found:
      'a seccomp filter (Seccomp: 2 in /proc/self/status), and unshare: mount /proc failed: Operation not permitted',
    fix: `Start postern without the seccomp filter that it inherits, or allow in that filter ${CALLS}.`,
  },
  {
    of: 'id range',
    when: 'a container has 65,536 ids',
    facts: { root: true, uidMap: '0 100000 65536\n', gidMap: '0 100000 65536\n', container: DOCKER },
    found:
      'ids 0 to 65535 are mapped by /proc/self/uid_map and gid_map, and postern takes 1879048192 to 2147483647, the default',
    fix: `Start postern as an ordinary user, which needs no ids: docker run --user 1000:1000 …
Or map 131072 more ids into this user namespace.`,
  },
  {
    of: 'id range',
    when: 'other ids are mapped',
    facts: { root: true, uidMap: '0 100000 500000\n', gidMap: '0 100000 400000\n' },
    found:
      'ids 0 to 399999 are mapped by /proc/self/uid_map and gid_map, and postern takes 1879048192 to 2147483647, the default',
    fix: "Name ids that are mapped:\n  echo 'postern:65536:327680' >>/etc/subuid",
  },
  {
    of: 'id range',
    when: 'one id is mapped',
    facts: { root: true, uidMap: '0 1000 1\n', gidMap: '0 1000 1\n' },
    found:
      'ids 0 to 0 are mapped by /proc/self/uid_map and gid_map, and postern takes 1879048192 to 2147483647, the default',
    fix: 'Start postern outside of this user namespace, or map 131072 more ids into it.',
  },
  {
    of: 'id range',
    when: "/etc/subuid's entry holds too few",
    facts: { root: true, subordinate: { base: 200_000, count: 65_536, configured: true } },
    found: "65536 ids: 200000 to 265535, /etc/subuid's entry for postern",
    fix: 'Give "postern" 131072 ids or more in /etc/subuid.',
  },
  {
    of: 'own code',
    when: 'only root may enter the folder',
    facts: { root: true, ownCode: { folder: '/opt/postern', closed: { path: '/opt/postern', mode: '700' } } },
    found: '"/opt/postern" has mode 700',
    fix: 'Let other users read what lies in that folder:\n  chmod -R o+rX /opt/postern',
  },
  {
    of: 'own code',
    when: 'only root may enter the folder, whose name a shell would read otherwise',
    facts: { root: true, ownCode: { folder: "/opt/it's", closed: { path: "/opt/it's/dist", mode: '700' } } },
    found: '"/opt/it\'s/dist" has mode 700',
    fix: "Let other users read what lies in that folder:\n  chmod -R o+rX '/opt/it'\\''s'",
  },
  {
    of: 'own code',
    when: 'only root may run Node',
    facts: {
      root: true,
      ownCode: { folder: '/opt/postern', closed: { path: '/usr/bin/node', mode: '750' } },
    },
    found: '"/usr/bin/node" has mode 750',
    fix: 'Let other users run Node:\n  chmod o+rx /usr/bin/node',
  },
  {
    of: 'unshare(1)',
    when: 'it is missing',
    facts: { unshare: undefined, namespaces: undefined, freshProc: undefined, distribution: ['alpine'] },
    found: 'not in /usr/sbin:/usr/bin:/sbin:/bin',
    fix: 'Install it: apk add util-linux',
  },
  {
    of: 'unshare(1)',
    when: 'it is too old, or of busybox',
    facts: {
      unshare: {
        path: '/usr/bin/unshare',
        version: 'unshare from util-linux 2.34',
        keepsCapabilities: false,
        misses: undefined,
      },
    },
    found: '/usr/bin/unshare: unshare from util-linux 2.34, without --keep-caps',
    fix: 'Install util-linux 2.36 or newer: apt-get install util-linux',
  },
  {
    of: 'unshare(1)',
    when: 'nsenter(1) is missing',
    facts: {
      unshare: {
        path: '/usr/bin/unshare',
        version: 'unshare from util-linux 2.38.1',
        keepsCapabilities: true,
        misses: 'nsenter',
      },
    },
    found:
      '/usr/bin/unshare: unshare from util-linux 2.38.1, and no nsenter(1) in /usr/sbin:/usr/bin:/sbin:/bin',
    fix: 'Install it: apt-get install util-linux',
  },
  {
    of: '/bin/sh',
    when: 'it is missing',
    facts: { shell: false },
    found: 'missing, or not executable',
    fix: 'Put a POSIX shell there: as a link, to dash, bash or busybox.',
  },
  {
    of: 'libseccomp',
    when: 'it does not load',
    facts: { libseccomp: { loads: false, why: 'no such file' }, distribution: ['rocky', 'rhel', 'fedora'] },
    found: 'libseccomp.so.2: no such file',
    fix: 'Install it: dnf install libseccomp',
  },
  {
    of: 'libseccomp',
    when: 'it is too old',
    facts: { libseccomp: { loads: true, version: '2.3.3' } },
    found: 'version 2.3.3',
    fix: 'Install a newer one: apt-get install libseccomp2, of a release that has 2.4.',
  },
  {
    of: 'libcap-ng',
    when: 'it does not load, on a distribution that is not known',
    facts: { libcapNg: { loads: false, why: 'no such file' }, distribution: ['other'] },
    found: 'libcap-ng.so.0: no such file',
    fix: 'Install it: apt-get install libcap-ng0, or dnf install libcap-ng, or apk add libcap-ng',
  },
  {
    of: 'seccomp filter',
    when: 'the kernel has none',
    facts: { kernel: { ...FEATURES, seccompFilter: false } },
    found: 'SECCOMP_RET_ERRNO not available',
    fix: 'Boot a kernel built with CONFIG_SECCOMP_FILTER=y.',
  },
  {
    of: 'Landlock',
    when: 'a filter forbids it',
    facts: { landlock: 'EPERM' },
    found: 'landlock_create_ruleset(2): EPERM',
    fix: 'The kernel has Landlock, but something forbids it: allow landlock_create_ruleset, landlock_add_rule and landlock_restrict_self in the filter that holds for postern.',
  },
  {
    of: 'Landlock',
    when: 'the kernel has none',
    state: 'degraded',
    facts: { landlock: 0 },
    found: 'none',
    fix: 'Connections and files are kept by seccomp and mounts alone. This kernel (6.1.0-13-amd64) has none, or it is not among the modules that it was started with: boot Linux 6.12 or newer with landlock in lsm=.',
  },
  {
    of: 'Landlock',
    when: 'it knows no TCP',
    state: 'degraded',
    facts: { landlock: 3 },
    found: 'ABI 3',
    fix: 'TCP connect and bind are refused by seccomp alone (from ABI 4, Linux 6.7, by Landlock too). Abstract sockets and signals are kept by namespaces alone (from ABI 6, Linux 6.12, by Landlock too).',
  },
  {
    of: 'Landlock',
    when: 'it knows no scopes',
    state: 'degraded',
    facts: { landlock: 5 },
    found: 'ABI 5',
    fix: 'Abstract sockets and signals are kept by namespaces alone (from ABI 6, Linux 6.12, by Landlock too).',
  },
  {
    of: 'cgroup',
    when: 'its own is not writable',
    state: 'degraded',
    facts: { cgroup: { base: undefined, why: '"/sys/fs/cgroup/user.slice/cgroup.procs" is not writable' } },
    found: '"/sys/fs/cgroup/user.slice/cgroup.procs" is not writable',
    fix: `Without it a plugin with one of these limits does not start. Start postern in one:
  systemd-run --user --scope -p Delegate=yes postern …`,
  },
  {
    of: 'cgroup',
    when: 'systemd does not delegate one',
    state: 'degraded',
    facts: { cgroup: { base: undefined, why: 'cgroup v2 is not mounted' }, container: SYSTEMD },
    found: 'cgroup v2 is not mounted',
    fix: `Without it a plugin with one of these limits does not start. systemctl edit worker.service, and there:
  [Service]
  Delegate=yes`,
  },
  {
    of: 'cgroup',
    when: 'the container has it read-only',
    state: 'degraded',
    facts: { cgroup: { base: undefined, why: '"/sys/fs/cgroup" is not writable' }, container: DOCKER },
    found: '"/sys/fs/cgroup" is not writable',
    fix: "Without it a plugin with one of these limits does not start. The container's engine has to mount /sys/fs/cgroup writable, as Docker does with --privileged.",
  },
  {
    of: 'user notification',
    when: 'the kernel has none',
    state: 'degraded',
    facts: { kernel: { ...FEATURES, userNotification: false } },
    found: 'not available',
    fix: 'Programs that connect by themselves cannot be served; those that use the channel can.',
  },
  {
    of: 'WAIT_KILLABLE_RECV',
    when: 'the kernel is older than 5.19',
    state: 'degraded',
    facts: { kernel: { ...FEATURES, waitKillable: false } },
    found: 'not available',
    fix: 'A signal that comes while a program connects by itself makes it ask a second time. Programs find no network interface by ioctl(2). Boot Linux 5.19 or newer.',
  },
  {
    of: 'PIDFD_THREAD',
    when: 'the kernel is older than 6.9',
    state: 'degraded',
    facts: { kernel: { ...FEATURES, threadPidfd: false } },
    found: 'not available',
    fix: 'A thread that connects by itself after the main thread of its program has ended gets an error. Boot Linux 6.9 or newer.',
  },
  {
    of: 'SO_NETNS_COOKIE',
    when: 'the kernel does not know it',
    state: 'degraded',
    facts: { kernel: { ...FEATURES, netnsCookie: false } },
    found: 'not available',
    fix: "The broker cannot know whose network a program's socket belongs to: programs that connect by themselves cannot be served.",
  },
  {
    of: 'SO_PASSRIGHTS',
    when: 'the kernel is older than 6.16',
    state: 'degraded',
    facts: { kernel: { ...FEATURES, passRights: false } },
    found: 'not available',
    fix: 'Nothing is lost: the broker takes no descriptor from its sockets, and ends the session of a plugin that sends one.',
  },
  {
    of: 'pidfd_getfd(2)',
    when: "Podman's filter refuses it",
    facts: { kernel: { ...FEATURES, takesDescriptors: false }, seccompMode: 2, container: PODMAN },
    found: 'a seccomp filter (Seccomp: 2 in /proc/self/status), and it is refused',
    fix: `Start the container with these options (known by /run/.containerenv):
  podman run --security-opt seccomp=postern-seccomp.json …
Make postern-seccomp.json first, on the host, with this container's image, from Podman's default:
  podman run --rm -i --entrypoint /usr/bin/node IMAGE ${SCRIPT} - </usr/share/containers/seccomp.json >postern-seccomp.json
${WITHOUT_FILE}`,
  },
  {
    of: 'kcmp(2)',
    when: 'a filter of unknown origin refuses it, and inodes are compared',
    state: 'degraded',
    facts: { kernel: { ...FEATURES, comparesDescriptors: false }, seccompMode: 2 },
    found: 'a seccomp filter (Seccomp: 2 in /proc/self/status), and it is refused',
    fix: 'Nothing is lost: a connect of a program takes longer. The broker compares inodes instead.',
  },
  {
    of: 'kcmp(2)',
    when: 'a filter of unknown origin refuses it, before Linux 6.9',
    facts: { kernel: { ...OLD_THREADS, comparesDescriptors: false }, seccompMode: 2 },
    found: 'a seccomp filter (Seccomp: 2 in /proc/self/status), and it is refused',
    fix: `Start postern without the seccomp filter that it inherits, or allow in that filter ${CALLS}.`,
  },
  {
    of: 'kcmp(2)',
    when: 'it is refused for no cause that is known, before Linux 6.9',
    facts: { kernel: { ...OLD_THREADS, comparesDescriptors: false } },
    found: 'refused',
    fix: 'A connect in another thread than the first gets an error. Boot Linux 6.9 or newer.',
  },
  {
    of: 'Yama',
    when: 'its scope lets nobody read another process',
    state: 'degraded',
    facts: { settings: { ...GOOD.settings, 'kernel.yama.ptrace_scope': '3' } },
    found: 'kernel.yama.ptrace_scope = 3',
    fix: 'No process can read another one: programs that connect by themselves cannot be served; those that use the channel can. The value holds until the next boot: set kernel.yama.ptrace_scope to 2 or less in /etc/sysctl.d and reboot.',
  },
  {
    of: 'closed programs',
    when: 'the kernel shows programs that may not be read',
    state: 'degraded',
    facts: { settings: { ...GOOD.settings, 'fs.suid_dumpable': '1' } },
    found: 'fs.suid_dumpable = 1',
    fix: 'A broker that was taken over reaches files of the host by a sandbox that starts. As root: sysctl -w fs.suid_dumpable=0',
  },
  {
    of: 'name servers',
    when: 'none is named',
    state: 'degraded',
    facts: { resolvConf: '# nameserver 192.0.2.53\nsearch example.com\n' },
    found: 'no nameserver line in /etc/resolv.conf',
    fix: 'Names cannot be resolved, addresses can be reached: add a line "nameserver ADDRESS" there, or start with --dns ADDRESS (dns: in postern.yaml).',
  },
  {
    of: 'name servers',
    when: 'the file does not exist',
    state: 'degraded',
    facts: { resolvConf: undefined },
    found: '/etc/resolv.conf cannot be read',
    fix: 'Names cannot be resolved, addresses can be reached: add a line "nameserver ADDRESS" there, or start with --dns ADDRESS (dns: in postern.yaml).',
  },
  {
    of: 'descriptors',
    when: "there are fewer than a plugin's limit",
    state: 'degraded',
    facts: { descriptorLimit: 512, container: PODMAN },
    found: 'RLIMIT_NOFILE, hard: 512',
    fix: 'A plugin gets 512, not 1024. Raise it; podman run --ulimit nofile=16384:16384 …',
  },
  {
    of: 'descriptors',
    when: 'there are few for a broker',
    state: 'degraded',
    facts: { descriptorLimit: 4096, container: SYSTEMD },
    found: 'RLIMIT_NOFILE, hard: 4096',
    fix: `The broker can make fewer connections at the same time. Raise it; systemctl edit worker.service, and there:
  [Service]
  LimitNOFILE=16384`,
  },
  {
    of: 'descriptors',
    when: 'there are few in a shell',
    state: 'degraded',
    facts: { descriptorLimit: 4096 },
    found: 'RLIMIT_NOFILE, hard: 4096',
    fix: 'The broker can make fewer connections at the same time. Raise it; as root, for the shell that starts postern: prlimit --pid $$ --nofile=16384:16384',
  },
  {
    of: 'sandbox',
    when: 'its start fails and nothing else is missing',
    trial: {
      sandbox: { failure: { message: 'Cannot start the sandbox, step ids: EINVAL', fix: 'do this' } },
    },
    found: 'Cannot start the sandbox, step ids: EINVAL',
    fix: 'do this',
  },
  {
    of: 'sandbox',
    when: 'a filter refuses a call of the launcher',
    facts: { seccompMode: 2 },
    trial: { sandbox: { failure: { message: 'Cannot start the sandbox, step root: pivot_root: EPERM' } } },
    found:
      'a seccomp filter (Seccomp: 2 in /proc/self/status), and Cannot start the sandbox, step root: pivot_root: EPERM',
    fix: `Start postern without the seccomp filter that it inherits, or allow in that filter ${CALLS}.`,
  },
  {
    of: 'sandbox',
    when: 'something else is missing',
    facts: { shell: false },
    trial: { sandbox: { failure: { message: 'Cannot start', fix: 'a fix of its own' } } },
    found: 'Cannot start',
    fix: 'Fix what is missing above, then run postern doctor again.',
  },
  {
    of: 'connection',
    when: 'there is no sandbox',
    trial: { sandbox: { failure: { message: 'Cannot start' } } },
    found: 'not tried: there is no sandbox',
    fix: undefined,
  },
  {
    of: 'connection',
    when: 'the second supervisor does not start',
    trial: { ...MADE, connection: { failure: { message: 'The broker does not run', fix: 'do that' } } },
    found: 'The broker does not run',
    fix: 'do that',
  },
  {
    of: 'connection',
    when: 'the allowed one fails, lo being down',
    facts: { loopback: false },
    trial: {
      ...MADE,
      connection: {
        said: 'allowed: ENETUNREACH, refused: EACCES port_not_allowed',
        itself: 'good day',
        trespasses: 0,
      },
    },
    found: 'the interface lo is not up; allowed: ENETUNREACH, refused: EACCES port_not_allowed',
    fix: 'Bring it up, as root:\n  ip link set lo up',
  },
  {
    of: 'connection',
    when: 'the allowed one fails for no cause that is known',
    trial: {
      ...MADE,
      connection: { said: 'allowed: ETIMEDOUT, refused: EACCES no_rule', itself: 'good day', trespasses: 0 },
    },
    found: 'allowed: ETIMEDOUT, refused: EACCES no_rule',
    fix: undefined,
  },
  {
    of: 'connection',
    when: 'the one that no rule allows is not refused',
    trial: {
      ...MADE,
      connection: { said: 'allowed: good day, refused: connected', itself: 'good day', trespasses: 0 },
    },
    found: 'allowed: good day, refused: connected',
    fix: undefined,
  },
  {
    of: 'connection',
    when: 'the listener that no rule allows is reached, whatever the plugin says',
    trial: {
      ...MADE,
      connection: {
        said: 'allowed: good day, refused: EACCES port_not_allowed',
        itself: 'good day',
        trespasses: 1,
      },
    },
    found: 'connections that no rule allows, and that were made: 1',
    fix: 'Run no untrusted program here, and report it as SECURITY.md says.',
  },
  {
    of: 'own connect(2)',
    when: 'there is no sandbox',
    trial: { sandbox: { failure: { message: 'Cannot start' } } },
    found: 'not tried',
    fix: undefined,
  },
  {
    of: 'own connect(2)',
    when: 'a filter refuses what the broker does for it',
    facts: { seccompMode: 2 },
    trial: { ...MADE, connection: { ...CONNECTED, itself: 'EPERM' } },
    found: 'EPERM',
    fix: `Start postern without the seccomp filter that it inherits, or allow in that filter ${CALLS}.`,
  },
  {
    of: 'own connect(2)',
    when: 'the kernel cannot report it',
    state: 'degraded',
    facts: { kernel: { ...FEATURES, userNotification: false } },
    trial: { ...MADE, connection: { ...CONNECTED, itself: 'EACCES' } },
    found: 'EACCES',
    fix: 'It follows from what is degraded above.',
  },
  {
    of: 'own connect(2)',
    when: 'none is made',
    trial: { ...MADE, connection: { said: '', itself: '', trespasses: 0 } },
    found: 'the plugin said nothing',
    fix: 'Fix what is missing above, then run postern doctor again.',
  },
];

for (const { of, when, facts = {}, trial, state = 'missing', found, fix } of FAILING) {
  test(`examine() reports ${of} where ${when}`, () => {
    assert.equal(check(of, {}).state, 'ok', 'the good host has it');
    const told = check(of, facts, trial);
    assert.deepEqual({ state: told.state, found: told.found, fix: told.fix }, { state, found, fix });
    const { ok } = examine({ ...GOOD, ...facts }, trial ?? MADE);
    assert.equal(ok, state === 'degraded' && facts.shell !== false);
  });
}

test('examine() finds nothing missing on a good host, each check under its own name', () => {
  const { ok, checks } = examine(GOOD, MADE);
  assert.equal(ok, true);
  assert.deepEqual(
    checks.filter(({ state, fix }) => state !== 'ok' || fix !== undefined),
    [],
  );
  assert.equal(new Set(checks.map(({ name }) => name)).size, checks.length);
  const told = new Set(FAILING.map(({ of }) => of));
  assert.deepEqual(
    checks.map(({ name }) => name).filter((name) => !told.has(name)),
    [],
    'every check has a failing case above',
  );
});

test('examine() accepts what only looks like a problem', () => {
  const settings = { ...GOOD.settings, 'kernel.apparmor_restrict_unprivileged_userns': '1' };
  const namespaces = { works: true, words: '', label: 'postern (unconfined)' };
  assert.deepEqual(check('user namespaces', { settings, namespaces }).state, 'ok', 'a profile permits it');
  assert.equal(
    check('user namespaces', { seccompMode: 2, container: DOCKER }).state,
    'ok',
    'the filter does',
  );
  assert.equal(check('fresh /proc', { mountInfo: MASKED }).state, 'ok', 'one was mounted all the same');
  assert.equal(check('id range', { uidMap: '0 1000 1\n' }).state, 'ok', 'not root');
  for (const scope of ['0', '1', '2'])
    assert.equal(check('Yama', { settings: { 'kernel.yama.ptrace_scope': scope } }).state, 'ok', scope);
  assert.equal(check('kernel', { release: '5.14.0' }).state, 'ok');
  assert.equal(check('libseccomp', { libseccomp: { loads: true, version: '2.4.4' } }).state, 'ok');
});

test('the profile is for the command postern alone, and the Debian package has one', () => {
  const path = "/opt/it's {new}/dist/run/postern.js";
  assert.ok(
    appArmorFix(path).includes(`profile postern "/opt/it'\\''s \\{new\\}/dist/run/postern.js" flags`),
  );
  const packaged = appArmorFix('/usr/lib/postern/dist/run/postern.js');
  assert.match(
    packaged,
    /^Load the profile of the package; as root:\n {2}apparmor_parser -r \/etc\/apparmor\.d\/postern\n/,
  );
  assert.ok(!packaged.includes('echo'));
});
