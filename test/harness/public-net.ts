// A test's own network, in which public addresses answer, and those of 10.1.2.0/24: a host, and a link to a world where they are local. Addresses of
// 93.184.217.0/24 answer nothing at all. Names lead there by a DNS server of the world.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Zone } from '../broker/name-server.js';
import { childrenOf } from './processes.js';

const WORLD = fileURLToPath(new URL('./public-world.js', import.meta.url));
/** The host's end of a link; at the other end, in another namespace, is the world with every public address. */
const SETUP = `
exec 3<&0
unshare --net sh -ec '
  until ip link set v1 up 2>/dev/null; do kill -0 $PPID || exit 1; sleep 0.01; done
  ip link set lo up
  ip addr add 198.51.100.2/24 dev v1
  ip -6 addr add fd00:51::2/64 dev v1 nodad
  ip route add local 93.184.216.0/24 dev lo
  ip route add local 10.1.2.0/24 dev lo
  ip -6 route add local 2606:2800:220:1::/64 dev lo
  exec "$@"' sh "$@" <&3 &
world=$!
until [ "$(readlink /proc/$world/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.01; done
ip link set lo up
ip link add v0 type veth peer name v1 netns $world
ip addr add 198.51.100.1/24 dev v0
ip -6 addr add fd00:51::1/64 dev v0 nodad
ip link set v0 up
ip route add 93.184.216.0/24 via 198.51.100.2
ip route add 10.1.2.0/24 via 198.51.100.2
ip -6 route add 2606:2800:220:1::/64 via fd00:51::2
ip neigh add 198.51.100.3 lladdr 02:00:00:00:00:99 dev v0
ip route add 93.184.217.0/24 via 198.51.100.3
wait $world`;
const isRoot = process.geteuid?.() === 0;

export interface PublicNet {
  /** Words that run a command in it. */
  readonly within: readonly string[];
  /** Its DNS server, for --dns. */
  readonly dns: string;
  /** `PORT ADDRESS` of each connection so far. */
  readonly connections: () => readonly string[];
  /** Its programs stop, or go on. The kernel there accepts connections meanwhile. */
  readonly stop: (stops: boolean) => void;
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
    stop: (stops) => {
      const worlds = childrenOf(child.pid ?? 0);
      for (const pid of worlds) process.kill(pid, stops ? 'SIGSTOP' : 'SIGCONT');
    },
    close: () => child.stdin.end(),
  };
}
