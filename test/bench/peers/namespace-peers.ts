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

export const NAMESPACE_PEERS: readonly NamespacePeer[] = [
  {
    ...{ name: 'pasta', program: 'pasta', address: '10.99.0.1' },
    start: async (path, client) => {
      // As another user than the one that starts it, pasta could not open the namespace.
      const as = isRoot ? ['--runas', '0'] : [];
      const map = ['--config-net', '--map-host-loopback', '10.99.0.1'];
      return { client: new LineProgram([path, '--foreground', '--quiet', ...as, ...map, '--', ...client]) };
    },
  },
  {
    ...{ name: 'slirp4netns', program: 'slirp4netns', address: '10.0.2.2' },
    start: async (path, words) => {
      const namespace = isRoot ? ['unshare', '--net'] : ['unshare', '--user', '--map-root-user', '--net'];
      const client = new LineProgram([
        ...[...namespace, 'sh', '-c', 'echo here; read go; exec "$@"', 'sh'],
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
