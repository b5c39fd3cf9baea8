// The part of the root that every plugin gets: the system's folders, the files of /etc that programs read, a minimal /dev, and
// empty writable folders. Pure.
import type { Unknown } from '../../../shared/config/plugin-config.js';
import type { RootEntry } from '../../launch/spec.js';
import type { HostFiles } from '../files/host-files.js';

export interface ScratchSizes {
  readonly tmpMib: number;
  readonly homeMib: number;
  readonly shmMib: number;
}

export const PLUGIN_HOME = '/home/plugin';
export const SYSTEM: readonly string[] = [
  '/usr',
  '/bin',
  '/sbin',
  '/lib',
  '/lib32',
  '/lib64',
  '/libx32',
  '/opt',
];
/** Files of /etc that programs read: for the loader, names, certificates, time and the settings of runtimes. */
const ETC = [
  ...[
    'ld.so.cache',
    'ld.so.conf',
    'ld.so.conf.d',
    'ld-musl-x86_64.path',
    'ld-musl-aarch64.path',
    'alternatives',
  ],
  ...['nsswitch.conf', 'host.conf', 'gai.conf', 'protocols', 'services', 'networks', 'ethertypes', 'rpc'],
  ...['ssl', 'pki', 'ca-certificates', 'ca-certificates.conf', 'crypto-policies', 'gnutls'],
  ...['localtime', 'timezone', 'locale.conf', 'locale.alias', 'default/locale', 'mime.types', 'magic'],
  ...['os-release', 'debian_version', 'lsb-release', 'redhat-release', 'alpine-release'],
  ...[
    'terminfo',
    'inputrc',
    'bash.bashrc',
    'profile',
    'profile.d',
    'wgetrc',
    'gitconfig',
    'fonts',
    'perl',
    'python3',
  ],
];
const RUNTIMES = [
  ...['', '-8', '-11', '-17', '-21', '-25'].map((version) => `java${version && `${version}-openjdk`}`),
  ...['', '3.11', '3.12', '3.13'].map((version) => `python${version}`),
];
/** The files of the host's /etc that show, if they exist; docs/sandbox.md lists them. */
export const ETC_SHOWN: readonly string[] = [...new Set([...ETC, ...RUNTIMES])];
/** The files of /etc that postern writes itself. */
export const ETC_WRITTEN = ['passwd', 'group', 'hosts', 'resolv.conf'] as const;
/** Empty file systems of the sandbox, each with the limit that bounds it. */
export const SCRATCH: readonly {
  readonly path: string;
  readonly mib: keyof ScratchSizes | number;
  readonly mode: number;
}[] = [
  { path: '/tmp', mib: 'tmpMib', mode: 0o1777 },
  { path: '/run', mib: 64, mode: 0o755 },
  { path: '/var', mib: 256, mode: 0o755 },
  { path: PLUGIN_HOME, mib: 'homeMib', mode: 0o755 },
  { path: '/dev/shm', mib: 'shmMib', mode: 0o1777 },
];
export const DEVICES: readonly string[] = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];

/**
 * A look-up may wait while somebody is asked. glibc waits 30 s at most before it asks again, five times at most, resolv.conf(5). musl waits for so long
 * in all, and for 60 s at most.
 */
const RESOLVER_OPTIONS: Readonly<Record<Unknown, string>> = {
  deny: 'attempts:1 timeout:5',
  ask: 'attempts:5 timeout:60',
};

export function etcEntries(
  {
    uid,
    gid,
    unknown = 'deny',
  }: {
    readonly uid: number;
    readonly gid: number;
    readonly unknown?: Unknown | undefined;
  },
  host: HostFiles,
): readonly RootEntry[] {
  const written: Record<(typeof ETC_WRITTEN)[number], string> = {
    passwd: `root:x:0:0:root:/:/bin/false\nplugin:x:${uid}:${gid}:plugin:${PLUGIN_HOME}:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n`,
    group: `root:x:0:\nplugin:x:${gid}:\nnogroup:x:65534:\n`,
    hosts: '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n',
    'resolv.conf': `nameserver 127.0.0.1\noptions ${RESOLVER_OPTIONS[unknown]}\n`,
  };
  return [
    ...ETC_SHOWN.flatMap((name): RootEntry[] => {
      const path = `/etc/${name}`;
      const source = host.real(path);
      const kind = source === undefined ? 'absent' : host.kind(source);
      if (source === undefined || (kind !== 'directory' && kind !== 'file')) return [];
      return [{ kind: 'bind', path, source, directory: kind === 'directory', writable: false }];
    }),
    ...ETC_WRITTEN.map((name): RootEntry => ({ kind: 'file', path: `/etc/${name}`, content: written[name] })),
  ];
}

export function deviceEntries(host: HostFiles): readonly RootEntry[] {
  return [
    ...DEVICES.filter((name) => host.kind(`/dev/${name}`) === 'other').map(
      (name): RootEntry => ({
        kind: 'bind',
        path: `/dev/${name}`,
        source: `/dev/${name}`,
        directory: false,
        writable: true,
        device: true,
      }),
    ),
    { kind: 'symlink', path: '/dev/fd', to: '/proc/self/fd' },
    { kind: 'symlink', path: '/dev/stdin', to: '/proc/self/fd/0' },
    { kind: 'symlink', path: '/dev/stdout', to: '/proc/self/fd/1' },
    { kind: 'symlink', path: '/dev/stderr', to: '/proc/self/fd/2' },
    { kind: 'symlink', path: '/dev/ptmx', to: 'pts/ptmx' },
  ];
}

export function scratchEntries(sizes: ScratchSizes): readonly RootEntry[] {
  return SCRATCH.map(({ path, mib, mode }) => ({
    kind: 'scratch',
    path,
    mib: typeof mib === 'number' ? mib : sizes[mib],
    mode,
  }));
}
