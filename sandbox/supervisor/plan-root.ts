// Decides what of the host the plugin sees and where: a pure function of the configuration and of what is there.
import { dirname, resolve } from 'node:path';
import type { RootEntry } from '../launch/spec.js';

/** Of the host's files: what lies at a path, without following a link in its last part. */
export type PathKind = 'directory' | 'file' | 'link' | 'other' | 'absent';
export interface HostFiles {
  readonly kind: (path: string) => PathKind;
  readonly readLink: (path: string) => string;
  /** The path with every link resolved; undefined where nothing is there. */
  readonly real: (path: string) => string | undefined;
}

export interface RootRequest {
  /** Absolute path of the program, where the host's PATH or the working directory has it. */
  readonly program: string | undefined;
  readonly cwd: string;
  /** The home directory of whoever starts postern: it and what is above it never become visible by themselves. */
  readonly hostHome: string;
  readonly visible: readonly string[];
  readonly writable: readonly string[];
  readonly uid: number;
  readonly gid: number;
}

export interface RootPlan {
  readonly entries: readonly RootEntry[];
  readonly writableDirectories: readonly string[];
  readonly writableFiles: readonly string[];
  /** Where the plugin starts, and whether that is the working directory asked for. */
  readonly cwd: string;
  readonly cwdVisible: boolean;
  /** The host's paths that show, with the reason that the user can change. */
  readonly sources: readonly { readonly path: string; readonly because: string }[];
}

export const PLUGIN_HOME = '/home/plugin';
const SYSTEM = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/opt'];
/** What programs read under /etc: the loader, names, certificates, time, and the settings of runtimes. */
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
/** The kernel's own bound on links in a path, path_resolution(7). */
const MAX_LINKS = 40;
const ETC_FOLDERS = ['java', 'python'];
const SCRATCH = [
  { path: '/tmp', size: '1g', mode: 0o1777 },
  { path: '/run', size: '64m', mode: 0o755 },
  { path: '/var', size: '256m', mode: 0o755 },
  { path: PLUGIN_HOME, size: '1g', mode: 0o755 },
  { path: '/dev/shm', size: '256m', mode: 0o1777 },
];
const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];
/** The sandbox's own: no working directory is shown in the place of one of these, or above it. */
const OWN = [...SCRATCH.map(({ path }) => path), '/dev', '/proc', '/sys', '/etc'];

const isInside = (path: string, folder: string): boolean =>
  folder === '/' || path === folder || path.startsWith(`${folder}/`);

/** @returns what the launcher makes, in order */
export function planRoot(request: RootRequest, host: HostFiles): RootPlan {
  const cwdVisible = mayShow(request.cwd, request.hostHome, host);
  const shown = [
    ...SYSTEM.filter((path) => host.kind(path) === 'directory').map((path) => ({
      path,
      because: 'the system',
    })),
    ...commandPaths(request, host).map((path) => ({ path, because: "the command's own files" })),
    ...(cwdVisible ? [{ path: request.cwd, because: 'the working directory (--cwd)' }] : []),
    ...request.visible.map((path) => ({ path, because: `--visible ${path}` })),
  ];
  const sources = layers([
    ...shown.map((source) => ({ ...source, writable: false })),
    ...request.writable.map((path) => ({ path, because: `--writable ${path}`, writable: true })),
  ]);
  const isDirectory = (path: string): boolean => host.kind(host.real(path) ?? path) === 'directory';
  const writable = sources.filter((source) => source.writable).map(({ path }) => path);
  const bind = (path: string, mayWrite: boolean): RootEntry => ({
    kind: 'bind',
    path,
    source: path,
    directory: isDirectory(path),
    writable: mayWrite,
  });
  return {
    entries: [
      ...SCRATCH.map((scratch) => ({ kind: 'scratch', ...scratch }) as const),
      { kind: 'directory', path: '/var/tmp', mode: 0o1777 },
      { kind: 'symlink', path: '/var/run', to: '../run' },
      ...SYSTEM.filter((path) => host.kind(path) === 'link').map(
        (path) => ({ kind: 'symlink', path, to: host.readLink(path) }) as const,
      ),
      ...etcEntries(request, host),
      ...deviceEntries(host),
      // Outer paths first, so that an inner one lies upon them.
      ...sources.map((source) => bind(source.path, source.writable)),
    ],
    writableDirectories: [...SCRATCH.map(({ path }) => path), '/dev/pts', ...writable.filter(isDirectory)],
    writableFiles: [
      ...DEVICES.map((name) => `/dev/${name}`),
      ...writable.filter((path) => !isDirectory(path)),
    ],
    cwd: cwdVisible ? request.cwd : '/tmp',
    cwdVisible,
    sources,
  };
}

/** Not `/`, not the home directory or above it, not a place that the sandbox fills itself. */
function mayShow(path: string, home: string, host: HostFiles): boolean {
  const real = host.real(path);
  if (real === undefined) return false;
  // A link to a folder shows the folder.
  if (real !== path && !mayShow(real, home, host)) return false;
  const homes = [home, host.real(home) ?? home];
  return (
    ![...homes, ...OWN].some((kept) => isInside(kept, path)) &&
    !['/proc', '/sys', '/dev'].some((own) => isInside(path, own))
  );
}

/** The path as found, each path that its links lead to, and where they end: version managers chain several. */
function steps(program: string, host: HostFiles): ReadonlySet<string> {
  const paths = new Set([program]);
  for (let path = program; host.kind(path) === 'link' && paths.size < MAX_LINKS; ) {
    path = resolve(dirname(path), host.readLink(path));
    paths.add(path);
  }
  return paths.add(host.real(program) ?? program);
}

/** The parent of the program's `bin` directory, or the program alone; for each path on the way to it. */
function commandPaths({ program, hostHome }: RootRequest, host: HostFiles): readonly string[] {
  if (program === undefined) return [];
  const paths = new Set<string>();
  for (const path of steps(program, host)) {
    const folder = dirname(path);
    const prefix = resolve(folder, '..');
    const prefixed = folder.endsWith('/bin') && mayShow(prefix, hostHome, host);
    paths.add(prefixed ? prefix : path);
  }
  return [...paths];
}

interface Layer {
  readonly path: string;
  readonly because: string;
  readonly writable: boolean;
}

/**
 * From the outside in, so that each lies upon what holds it, and what is writable upon the same path read-only. What the
 * next outer one shows in the same way is left out: a tree is bound with all below it.
 */
function layers(list: readonly Layer[]): readonly Layer[] {
  const sorted = [...list].sort(
    (a, b) => a.path.length - b.path.length || Number(a.writable) - Number(b.writable),
  );
  const kept: Layer[] = [];
  for (const layer of sorted) {
    const outer = kept.findLast(({ path }) => isInside(layer.path, path));
    if (outer?.writable !== layer.writable) kept.push(layer);
  }
  return kept;
}

function etcEntries({ uid, gid }: RootRequest, host: HostFiles): readonly RootEntry[] {
  const folders = ETC_FOLDERS.flatMap((prefix) =>
    [
      '',
      '-8-openjdk',
      '-11-openjdk',
      '-17-openjdk',
      '-21-openjdk',
      '-25-openjdk',
      '3.11',
      '3.12',
      '3.13',
    ].map((version) => `${prefix}${version}`),
  );
  const seen = [...new Set([...ETC, ...folders])].map((name) => `/etc/${name}`);
  return [
    ...seen.flatMap((path): RootEntry[] => {
      const target = host.kind(path) === 'link' ? host.real(path) : path;
      if (target === undefined) return [];
      const kind = host.kind(target);
      if (kind !== 'directory' && kind !== 'file') return [];
      return [{ kind: 'bind', path, source: target, directory: kind === 'directory', writable: false }];
    }),
    {
      kind: 'file',
      path: '/etc/passwd',
      content: `root:x:0:0:root:/:/bin/false\nplugin:x:${uid}:${gid}:plugin:${PLUGIN_HOME}:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n`,
    },
    { kind: 'file', path: '/etc/group', content: `root:x:0:\nplugin:x:${gid}:\nnogroup:x:65534:\n` },
    {
      kind: 'file',
      path: '/etc/hosts',
      content: '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n',
    },
    {
      kind: 'file',
      path: '/etc/resolv.conf',
      content: 'nameserver 127.0.0.1\noptions attempts:1 timeout:5\n',
    },
  ];
}

function deviceEntries(host: HostFiles): readonly RootEntry[] {
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
