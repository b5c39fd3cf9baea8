// A real Redis for the interop tests, without a password; a port for TLS where it has a certificate.
import type { ChildProcess } from 'node:child_process';
import type { Certificates } from './certificates.js';
import { findServer, own, startServer } from './server.js';

export interface RedisPlace {
  /** The servers' own, as {@link serverFolder} makes it. */
  readonly folder: string;
  readonly addresses: readonly string[];
  readonly port: number;
  readonly secure?: { readonly port: number; readonly certificates: Certificates };
  /** Words that run it in the test's own namespace. */
  readonly inside?: readonly string[];
}

export function startRedis({ folder, addresses, port, secure, inside }: RedisPlace): Promise<ChildProcess> {
  const settings = {
    port: String(port),
    dir: folder,
    save: '',
    'protected-mode': 'no',
    ...(secure && {
      'tls-port': String(secure.port),
      'tls-cert-file': own(secure.certificates.local.cert),
      'tls-key-file': own(secure.certificates.local.key),
      'tls-auth-clients': 'no',
      'tls-ca-cert-file': secure.certificates.authority,
    }),
  };
  const words = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value]);
  const ready = /Ready to accept connections/;
  return startServer({ ready, inside }, findServer('redis-server'), ...words, '--bind', ...addresses);
}
