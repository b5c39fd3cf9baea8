// Peers of the start: programs that run a command in a sandbox without a network.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NPM_PEERS } from './peer-packages.js';

export interface Starter {
  readonly name: string;
  readonly program: string;
  /** @param folder for its configuration @returns the words that run `true` */
  readonly words: (path: string, folder: string) => readonly string[];
}

export const STARTERS: readonly Starter[] = [
  {
    ...{ name: 'bubblewrap', program: 'bwrap' },
    words: (path) => [
      ...[path, '--unshare-all', '--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc'],
      ...['--tmpfs', '/tmp', '--new-session', '--die-with-parent', '/bin/true'],
    ],
  },
  {
    ...{ name: 'firejail', program: 'firejail' },
    words: (path) => [path, '--quiet', '--noprofile', '--net=none', '--', '/bin/true'],
  },
  {
    ...{ name: 'runc', program: 'runc' },
    words: (path, folder) => [path, 'run', '--bundle', bundleIn(folder), `postern-bench-${process.pid}`],
  },
  {
    ...{ name: 'sandbox-runtime', program: join(NPM_PEERS, 'node_modules/.bin/srt') },
    words: (path, folder) => {
      const settings = join(folder, 'srt.json');
      const filesystem = { denyRead: [], allowWrite: [], denyWrite: [] };
      writeFileSync(
        settings,
        JSON.stringify({ network: { allowedDomains: [], deniedDomains: [] }, filesystem }),
      );
      return [path, '--settings', settings, '/bin/true'];
    },
  },
];

/** A bundle of the OCI runtime specification with the host's programs, read-only. */
function bundleIn(folder: string): string {
  const bundle = join(folder, 'runc');
  const shown = ['/usr', '/bin', '/lib', '/lib64'];
  for (const path of ['/proc', '/dev', ...shown])
    mkdirSync(join(bundle, 'rootfs', path), { recursive: true });
  const config = {
    ociVersion: '1.0.2',
    process: { terminal: false, user: { uid: 0, gid: 0 }, args: ['/bin/true'], cwd: '/', env: ['PATH=/bin'] },
    root: { path: 'rootfs', readonly: true },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
      ...shown.map((path) => ({ destination: path, type: 'bind', source: path, options: ['rbind', 'ro'] })),
    ],
    linux: { namespaces: ['pid', 'network', 'ipc', 'uts', 'mount'].map((type) => ({ type })) },
  };
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(config));
  return bundle;
}
