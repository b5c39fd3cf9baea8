// A host on which every check of `postern doctor` is ok, and what tests change of it.
import type { HostFacts } from '../../sandbox/doctor/host-facts.js';
import type { Trial } from '../../sandbox/doctor/trial.js';
import type { Container } from '../../sandbox/host/confinement.js';
import type { KernelFeatures } from '../../shared/sys/kernel-features.js';

export const MOUNTS: string = `22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:30 / /proc/sys/fs/binfmt_misc rw - binfmt_misc binfmt_misc rw
`;
export const MASKED: string = `${MOUNTS}31 22 0:21 /sys /proc/sys ro - proc proc rw
32 22 0:40 / /proc/kcore rw - tmpfs tmpfs rw
`;
export const FEATURES: KernelFeatures = {
  seccompFilter: true,
  userNotification: true,
  waitKillable: true,
  threadPidfd: true,
  passRights: true,
  netnsCookie: true,
  takesDescriptors: true,
  comparesDescriptors: true,
};
export const GOOD: HostFacts = {
  platform: 'linux',
  release: '6.1.0-13-amd64',
  architecture: 'x64',
  nodeVersion: 'v20.11.0',
  nodePath: '/usr/bin/node',
  root: false,
  distribution: ['debian'],
  container: undefined,
  settings: { 'user.max_user_namespaces': '63000' },
  seccompMode: 0,
  appArmorLabel: undefined,
  mountInfo: MOUNTS,
  uidMap: '         0          0 4294967295\n',
  gidMap: '         0          0 4294967295\n',
  subordinate: { base: 0x7000_0000, count: 0x1000_0000, configured: false },
  ownCode: { folder: '/opt/postern' },
  namespaces: { works: true, words: '' },
  freshProc: { works: true, words: '' },
  libseccomp: { loads: true, version: '2.5.4' },
  libcapNg: { loads: true },
  unshare: {
    path: '/usr/bin/unshare',
    version: 'unshare from util-linux 2.38.1',
    keepsCapabilities: true,
    misses: undefined,
  },
  shell: true,
  kernel: FEATURES,
  landlock: 6,
  resolvConf: 'search example.com\nnameserver 192.0.2.53\n',
  descriptorLimit: 1_048_576,
  loopback: true,
  cgroup: { base: '/sys/fs/cgroup/user.slice/postern.scope' },
};
type Connected = Extract<Trial['connection'], { readonly said: string }>;
export const CONNECTED: Connected = {
  said: 'allowed: good day, refused: EACCES port_not_allowed',
  itself: 'good day',
  trespasses: 0,
};
export const MADE: Trial = { sandbox: { ids: '1000 1000', milliseconds: 100 }, connection: CONNECTED };
export const REFUSED: string = 'unshare: unshare failed: Operation not permitted';
export const NO_NAMESPACES: Pick<HostFacts, 'namespaces' | 'freshProc'> = {
  namespaces: { works: false, words: REFUSED },
  freshProc: undefined,
};
export const DOCKER: Container = { kind: 'docker', sign: '/.dockerenv' };
export const PODMAN: Container = { kind: 'podman', sign: '/run/.containerenv' };
export const KUBERNETES: Container = {
  kind: 'kubernetes',
  sign: 'KUBERNETES_SERVICE_HOST in the environment',
};
export const SYSTEMD: Container = {
  kind: 'systemd',
  sign: 'worker.service in /proc/self/cgroup',
  unit: 'worker.service',
};
