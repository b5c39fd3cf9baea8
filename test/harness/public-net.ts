// A network of a test's own in which public addresses answer: they are routed to loopback, and borne by no interface, so that
// they are not this host's to a policy. Those of 93.184.217.0/24 answer nothing at all. Names lead there by a DNS server.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Zone } from '../broker/name-server.js';

const WORLD = fileURLToPath(new URL('./public-world.js', import.meta.url));
const SETUP = `
ip link set lo up
ip route add local 93.184.216.0/24 dev lo
ip -6 route add local 2606:2800:220:1::/64 dev lo
ip link add v0 type veth peer name v1
ip link set v1 up
ip link set v0 arp off up
ip addr add 198.51.100.1/32 dev v0
ip route add 93.184.217.0/24 dev v0
exec "$@"`;
const isRoot = process.geteuid?.() === 0;

export interface PublicNet {
  /** Words that run a command in it. */
  readonly within: readonly string[];
  /** Its DNS server, for --dns. */
  readonly dns: string;
  /** `PORT ADDRESS` of each connection so far. */
  readonly connections: () => readonly string[];
  readonly close: () => void;
}

/** @param ports on which every address answers HTTP */
export async function startPublicNet(zone: Zone, ports: readonly number[]): Promise<PublicNet> {
  const own = isRoot ? [] : ['--user', '--map-current-user', '--keep-caps'];
  const words = [process.execPath, WORLD, JSON.stringify(zone), ...ports.map(String)];
  const child = spawn('unshare', [...own, '--net', 'sh', '-ec', SETUP, 'sh', ...words], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const connections: string[] = [];
  const dns = await new Promise<string>((resolve, reject) => {
    child.once('exit', (status) => reject(new Error(`No public network: status ${status}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('ready ')) resolve(line.slice('ready '.length));
      else connections.push(line);
    });
  });
  const target = ['nsenter', '--target', String(child.pid), '--net'];
  return {
    within: isRoot ? [...target, '--'] : [...target, '--user', '--preserve-credentials', '--'],
    dns,
    connections: () => connections,
    close: () => child.stdin.end(),
  };
}
