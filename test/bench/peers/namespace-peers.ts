// Peers that give a network namespace a way out: the client runs there, and connects to the address that they map to the host's loopback.
import { LineProgram } from '../line-program.js';
import { Service } from './service.js';

export interface InNamespace {
  readonly client: LineProgram;
  /** What serves the namespace, if it is another process. */
  readonly service?: Service;
}

export interface NamespacePeer {
  readonly name: string;
  readonly program: string;
  /** The address of the host's loopback, as the client sees it. */
  readonly address: string;
  /** Starts a client there. */
  readonly start: (path: string, client: readonly string[]) => Promise<InNamespace>;
}

const isRoot = process.geteuid?.() === 0;

/** Runs the words behind it in a network namespace of their own. */
export const IN_NAMESPACE: readonly string[] = isRoot
  ? ['unshare', '--net']
  : ['unshare', '--user', '--map-root-user', '--net'];

/**
 * Runs the words behind it in a shell, in a namespace whose ports are free as soon as their connections have ended: tcp_max_tw_buckets in
 * tcp(7). The stacks of these peers have no timestamps, so the kernel would keep each port for 60 s. A client that has made 14,000 connects
 * then searches long for a free one, and finds none after 28,000.
 */
export const NO_TIME_WAIT = 'echo 0 >/proc/sys/net/ipv4/tcp_max_tw_buckets || exit; exec "$@"';

export const NAMESPACE_PEERS: readonly NamespacePeer[] = [
  {
    ...{ name: 'pasta', program: 'pasta', address: '10.99.0.1' },
    start: async (path, client) => {
      // As another user than the one that starts it, pasta could not open the namespace.
      const as = isRoot ? ['--runas', '0'] : [];
      const map = ['--config-net', '--map-host-loopback', '10.99.0.1'];
      const words = ['sh', '-c', NO_TIME_WAIT, 'sh', ...client];
      return { client: new LineProgram([path, '--foreground', '--quiet', ...as, ...map, '--', ...words]) };
    },
  },
  {
    ...{ name: 'slirp4netns', program: 'slirp4netns', address: '10.0.2.2' },
    start: async (path, words) => {
      const client = new LineProgram([
        ...[...IN_NAMESPACE, 'sh', '-c', `echo here; read go; ${NO_TIME_WAIT}`, 'sh'],
        ...words,
      ]);
      await client.line();
      const service = new Service([path, '--configure', '--mtu=65520', String(client.pid), 'tap0']);
      try {
        await service.until(() => service.said.includes('received tapfd'));
      } catch (error) {
        await Promise.all([client.end(), service.end()]);
        throw error;
      }
      client.send('go');
      return { client, service };
    },
  },
];
