// An Internet of a test's own, in a network namespace: the names of the pages resolve there, to public addresses that no interface
// bears, with HTTP at port 80 and HTTPS at 443, whose authority the system's certificates name. So commands run there word for word.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { readableFolder } from '../harness/users.js';
import { makeAuthority } from '../interop/certificates.js';
import { NAME_SERVER, type Sites } from './sites.js';

const SITES = fileURLToPath(new URL('./sites.js', import.meta.url));
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';
const SETUP = `
ip link set lo up
ip route add local 93.184.216.0/24 dev lo
mount --bind "$1" "$(readlink -f /etc/resolv.conf)"
mount --bind "$2" ${CERTIFICATES}
shift 2
exec "$@"`;
const isRoot = process.geteuid?.() === 0;

export interface Internet {
  /** Words that run a command in it. */
  readonly within: readonly string[];
  /** What Node needs to trust its authority; the other programs take the system's certificates. */
  readonly env: Readonly<Record<string, string>>;
  /** `NAME:PORT` of each connection to a site so far. */
  readonly connections: () => readonly string[];
  readonly close: () => void;
}

/**
 * @param names of its sites; each answers with its name
 * @param folder its sites show the files of the subfolder that bears their name
 */
export async function startInternet(
  names: readonly string[],
  folder: string = readableFolder(),
): Promise<Internet> {
  const own = readableFolder();
  const { authority, sign } = makeAuthority(own);
  const certificate = sign('sites', names.map((name) => `DNS:${name}`).join(','));
  const sites: Sites = { names, folder, ...certificate };
  const [resolv, trusted] = [join(own, 'resolv.conf'), join(own, 'trusted.crt')];
  writeFileSync(resolv, `nameserver ${NAME_SERVER}\n`, { mode: 0o644 });
  writeFileSync(trusted, `${readFileSync(CERTIFICATES, 'utf8')}\n${readFileSync(authority, 'utf8')}`, {
    mode: 0o644,
  });
  const user = isRoot ? [] : ['--user', '--map-current-user', '--keep-caps'];
  const program = [process.execPath, SITES, JSON.stringify(sites)];
  const child = spawn(
    'unshare',
    [...user, '--net', '--mount', 'sh', '-ec', SETUP, 'sh', resolv, trusted, ...program],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  const connections: string[] = [];
  const ready = new Promise<void>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === 'ready') resolve();
      else connections.push(line);
    });
  });
  const failed = once(child, 'exit').then(([status]) => {
    throw new Error(`No Internet of the test's own: status ${status}`);
  });
  failed.catch(() => {});
  await Promise.race([ready, failed]);
  const entered = isRoot ? [] : ['--user', '--preserve-credentials'];
  return {
    within: ['nsenter', '--target', String(child.pid), ...entered, '--net', '--mount', '--'],
    env: { NODE_EXTRA_CA_CERTS: CERTIFICATES },
    connections: () => connections,
    close: () => child.stdin.end(),
  };
}
