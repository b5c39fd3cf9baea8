// The part of the root that every plugin gets: the system's folders, the files of /etc that programs read, a minimal /dev, and
// empty writable folders. Pure.
import type { Unknown } from '../../../shared/config/plugin-config.js';
import { DEVICES, type RootEntry } from '../../launch/spec.js';
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
/**
 * Settings that a language's packages keep in /etc, without those of its servers. The packages link to some of them from /usr: a search for such links
 * takes 10 ms and more of each start, and would show what any package keeps there.
 */
const RUNTIMES = [
  ...['java', 'java-*-openjdk', 'maven', 'python', 'python3.*'],
  ...['php/*/cli', 'php/*/mods-available', 'php.ini', 'php.d'],
];
/** The files of the host's /etc that show, if they exist; docs/sandbox.md lists them. A `*` stands for any characters of one name. */
export const ETC_SHOWN: readonly string[] = [...ETC, ...RUNTIMES];
/** Folders of private keys within these. A user may be in the group that reads them. */
export const ETC_KEYS: readonly string[] = ['/etc/ssl/private', '/etc/pki/tls/private'];
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

/**
 * An answer may take DNS_TIMEOUT_MS. glibc and musl wait for 5 s by themselves. c-ares waits for 2 s, and its one attempt would miss the answer of a
 * slow server.
 *
 * A look-up may also wait while somebody is asked. glibc waits 30 s at most before it asks again, five times at most, resolv.conf(5). musl waits for so
 * long in all, and for 60 s at most.
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
    ...ETC_SHOWN.flatMap((name) => matches('/etc', name.split('/'), host)).flatMap((path): RootEntry[] => {
      const source = host.real(path);
      const kind = source === undefined ? 'absent' : host.kind(source);
      if (source === undefined || (kind !== 'directory' && kind !== 'file')) return [];
      return [{ kind: 'bind', path, source, directory: kind === 'directory', writable: false }];
    }),
    ...ETC_WRITTEN.map((name): RootEntry => ({ kind: 'file', path: `/etc/${name}`, content: written[name] })),
  ];
}

/** @param parts of a path below `folder` @returns the paths that these stand for; without a `*` also one that does not exist */
function matches(
  folder: string,
  [part = '', ...rest]: readonly string[],
  host: Pick<HostFiles, 'list'>,
): readonly string[] {
  const [start = '', end] = part.split('*');
  const names =
    end === undefined
      ? [part]
      : host.list(folder).filter((name) => name.startsWith(start) && name.slice(start.length).endsWith(end));
  const paths = names.map((name) => `${folder}/${name}`);
  return rest.length === 0 ? paths : paths.flatMap((path) => matches(path, rest, host));
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
