// A real sshd for the interop tests, with host keys and the key of a client.
import type { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { findServer, own, prepare, startServer } from './server.js';

/** Whom the server lets in: who runs it. */
export const login: string = process.geteuid?.() === 0 ? 'nobody' : userInfo().username;

export interface SshPlace {
  /** The servers' own, as {@link serverFolder} makes it. */
  readonly folder: string;
  readonly addresses: readonly string[];
  readonly port: number;
  /** The one command that a client may run. */
  readonly command: string;
  /** Words that run it in the test's own namespace. */
  readonly inside?: readonly string[];
}

export interface SshServer {
  readonly child: ChildProcess;
  /** The path of the client's key, which only the server's user may read. */
  readonly key: string;
}

export async function startSshd({ folder, addresses, port, command, inside }: SshPlace): Promise<SshServer> {
  const [host, key] = [join(folder, 'host'), join(folder, 'client')];
  for (const path of [host, key])
    prepare(findServer('ssh-keygen'), '-q', '-t', 'ed25519', '-N', '', '-f', path);
  const authorized = join(folder, 'authorized');
  writeFileSync(authorized, readFileSync(`${key}.pub`));
  own(authorized);
  const config = join(folder, 'sshd_config');
  const lines = [
    `Port ${port}`,
    ...addresses.map((address) => `ListenAddress ${address}`),
    `HostKey ${host}`,
    `AuthorizedKeysFile ${authorized}`,
    'PidFile none',
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'Subsystem sftp internal-sftp',
    `ForceCommand ${command}`,
  ];
  writeFileSync(config, `${lines.join('\n')}\n`, { mode: 0o644 });
  const ready = /Server listening on/;
  const child = await startServer({ ready, inside }, findServer('sshd'), '-D', '-e', '-f', config);
  return { child, key };
}
