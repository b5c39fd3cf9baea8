// An Internet of a test's own: a host, where the names of the pages resolve, and a link to a network namespace with their sites, HTTP at
// port 80 and HTTPS at 443, whose authority the host's certificates name. So the pages' commands run there word for word.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { readableFolder } from '../harness/users.js';
import { type KeyPair, makeAuthority } from '../interop/certificates.js';
import { addressOf, NAME_SERVER, NETWORKS, type Sites } from './sites.js';

const SITES = fileURLToPath(new URL('./sites.js', import.meta.url));
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';
/** The host, where commands run, and a link to a namespace where every address of the networks is local. */
const SETUP = `
mount --bind "$1" "$(readlink -f /etc/resolv.conf)"
mount --bind "$2" ${CERTIFICATES}
mount --bind "$3" /etc/passwd
shift 3
exec 3<&0
unshare --net sh -ec '
  until ip link set v1 up 2>/dev/null; do kill -0 $PPID || exit 1; sleep 0.01; done
  ip link set lo up
  ip addr add 198.51.100.2/24 dev v1
  for network in ${NETWORKS.join(' ')}; do ip route add local $network dev lo; done
  echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start
  exec "$@"' sh "$@" <&3 &
sites=$!
until [ "$(readlink /proc/$sites/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.01; done
ip link set lo up
ip link add v0 type veth peer name v1 netns $sites
ip addr add 198.51.100.1/24 dev v0
ip link set v0 up
for network in ${NETWORKS.join(' ')}; do ip route add $network via 198.51.100.2; done
wait $sites`;
const isRoot = process.geteuid?.() === 0;
const serverIds = isRoot ? '65534:65534' : `${process.geteuid?.()}:${process.getegid?.()}`;

export interface Internet {
  /** Words that run a command on its host. */
  readonly within: readonly string[];
  /** Words that run a server where the sites are. */
  readonly site: readonly string[];
  readonly addresses: Readonly<Record<string, string>>;
  /** Paths of the certificate of all sites, and of its key. */
  readonly certificate: KeyPair;
  /** What Node needs to trust its authority; the other programs take the system's certificates. */
  readonly env: Readonly<Record<string, string>>;
  /** `NAME:PORT` of each connection to a site so far. */
  readonly connections: () => readonly string[];
  readonly close: () => void;
}

export interface InternetPlan {
  /** Of its sites; each answers with its name. */
  readonly names: readonly string[];
  /** Of names whose address matters, of {@link NETWORKS}. */
  readonly addresses?: Readonly<Record<string, string>>;
  /** Homes of users who may log in there, by name; each is the user who runs the servers. */
  readonly users?: Readonly<Record<string, string>>;
  /** A site shows the files of the subfolder with its name. */
  readonly folder?: string;
  /** Paths of each site, besides `/headers`, that answer with the headers of the request, as JSON. */
  readonly echoes?: readonly string[];
}

export async function startInternet({
  names,
  addresses,
  users = {},
  folder,
  echoes = [],
}: InternetPlan): Promise<Internet> {
  const own = readableFolder();
  const { authority, sign } = makeAuthority(own);
  const certificate = sign('sites', names.map((name) => `DNS:${name}`).join(','));
  const sites: Sites = {
    addresses: Object.fromEntries(names.map((name, index) => [name, addresses?.[name] ?? addressOf(index)])),
    folder: folder ?? own,
    echoes: ['/headers', ...echoes],
    ...certificate,
  };
  const write = (name: string, content: string): string => {
    writeFileSync(join(own, name), content, { mode: 0o644 });
    return join(own, name);
  };
  const entries = Object.entries(users).map(([name, home]) => `${name}:x:${serverIds}::${home}:/bin/sh\n`);
  const mounted = [
    write('resolv.conf', `nameserver ${NAME_SERVER}\n`),
    write('trusted.crt', `${readFileSync(CERTIFICATES, 'utf8')}\n${readFileSync(authority, 'utf8')}`),
    write('passwd', readFileSync('/etc/passwd', 'utf8') + entries.join('')),
  ];
  const user = isRoot ? [] : ['--user', '--map-current-user', '--keep-caps'];
  const program = [process.execPath, SITES, JSON.stringify(sites)];
  const child = spawn(
    'unshare',
    [...user, '--net', '--mount', 'sh', '-ec', SETUP, 'sh', ...mounted, ...program],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  const connections: string[] = [];
  const ready = new Promise<string>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('ready ')) resolve(line.slice('ready '.length));
      else connections.push(line);
    });
  });
  const failed = once(child, 'exit').then(([status]) => {
    throw new Error(`No Internet of the test's own: status ${status}`);
  });
  failed.catch(() => {});
  const pid = await Promise.race([ready, failed]);
  const entered = isRoot ? [] : ['--user', '--preserve-credentials'];
  const words = [...entered, '--net', '--mount', '--'];
  const into = (target: string): readonly string[] => ['nsenter', '--target', target, ...words];
  return {
    addresses: sites.addresses,
    certificate,
    within: into(String(child.pid)),
    site: into(pid),
    env: { NODE_EXTRA_CA_CERTS: CERTIFICATES },
    connections: () => connections,
    close: () => child.stdin.end(),
  };
}
