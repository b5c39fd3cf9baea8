// Peers that are proxies on loopback. The client in C speaks their protocol, and a connect counts until the tunnel is up.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../harness/free-port.js';
import { connectsTo } from './connects-to.js';
import { Service } from './service.js';

export interface Proxy {
  readonly name: string;
  readonly program: string;
  /** What c/connects.c calls its protocol. */
  readonly protocol: 'socks5' | 'http';
  /** Its words, in front of which the program's path comes. @param folder for its configuration */
  readonly args: (port: number, folder: string) => readonly string[];
}

function configuration(folder: string, name: string, lines: readonly string[]): string {
  const file = join(folder, name);
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

export const PROXIES: readonly Proxy[] = [
  {
    ...{ name: 'microsocks', program: 'microsocks', protocol: 'socks5' },
    args: (port) => ['-i', '127.0.0.1', '-p', String(port), '-q'],
  },
  {
    ...{ name: 'tinyproxy', program: 'tinyproxy', protocol: 'http' },
    args: (port, folder) => [
      '-d',
      '-c',
      configuration(folder, 'tinyproxy.conf', [
        ...[`Port ${port}`, 'Listen 127.0.0.1', 'MaxClients 1024', 'Timeout 60'],
        ...['LogLevel Critical', 'DisableViaHeader Yes'],
      ]),
    ],
  },
  {
    ...{ name: 'squid', program: 'squid', protocol: 'http' },
    args: (port, folder) => [
      ...['-N', '-d', '1', '-f'],
      configuration(folder, 'squid.conf', [
        ...[`http_port 127.0.0.1:${port}`, 'http_access allow all', 'cache deny all', 'access_log none'],
        ...['cache_log /dev/null', 'pid_filename none', 'pinger_enable off', 'netdb_filename none'],
      ]),
    ],
  },
];

/** @returns the running proxy and its port. @throws Error with what it said, if it does not listen soon */
export async function startProxy(
  { args }: Proxy,
  path: string,
  folder: string,
): Promise<{ readonly service: Service; readonly port: number }> {
  const port = await freePort();
  const service = new Service([path, ...args(port, folder)]);
  try {
    await service.until(() => connectsTo(port));
  } catch (error) {
    await service.end();
    throw error;
  }
  return { service, port };
}
