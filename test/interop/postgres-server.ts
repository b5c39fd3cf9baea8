// A real PostgreSQL for the interop tests: user `app`, database `postgres`, no password; TLS where it has a certificate.
import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeyPair } from './certificates.js';
import { findServer, own, prepare, startServer } from './server.js';

export interface PostgresPlace {
  /** The servers' own, as {@link serverFolder} makes it. */
  readonly folder: string;
  readonly addresses: readonly string[];
  readonly port: number;
  readonly certificate?: KeyPair;
  /** Words that run it in the test's own namespace. */
  readonly inside?: readonly string[];
}

export function startPostgres({
  folder,
  addresses,
  port,
  certificate,
  inside,
}: PostgresPlace): Promise<ChildProcess> {
  const data = join(folder, 'data');
  prepare(findServer('initdb'), '--pgdata', data, '--username=app', '--auth=trust', '--no-sync');
  // initdb's rules let loopback in alone.
  writeFileSync(join(data, 'pg_hba.conf'), 'host all all all trust\n');
  const settings = {
    port: String(port),
    listen_addresses: addresses.join(','),
    unix_socket_directories: '',
    fsync: 'off',
    ...(certificate && {
      ssl: 'on',
      ssl_cert_file: own(certificate.cert),
      ssl_key_file: own(certificate.key),
    }),
  };
  const words = Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
  const ready = /ready to accept connections/;
  return startServer({ ready, inside }, findServer('postgres'), '-D', data, ...words);
}
