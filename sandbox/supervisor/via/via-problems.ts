// Finds what a start refuses of `via`: credentials that cannot be used, a source that is no address of this host, a mark without the capability for
// it. Runs in the supervisor.

import { constants } from 'node:os';
import { dirname } from 'node:path';
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { PosternError } from '../../../shared/errors.js';
import { parseAddress } from '../../../shared/policy/address.js';
import { errnoName } from '../../../shared/sys/libc.js';
import { encodeSockaddr } from '../../../shared/sys/sockaddr.js';
import { bindTo, tcpSocket } from '../../../shared/sys/socket.js';
import { setSocketMark } from '../../../shared/sys/socket-state.js';
import { type HostFiles, isWithin } from '../files/host-files.js';
import { problemOf, type StartProblem } from '../files/path-problems.js';
import type { Written } from '../files/plugin-links.js';
import type { RootPlan } from '../root/plan-root.js';
import { readCredentials } from './via-line.js';

const { EADDRNOTAVAIL } = constants.errno;

export const CREDENTIALS = 'via.credentials_file';

/** @returns every problem of every plugin, with the code `bad_via` or `path_not_apart` */
export function viaProblems(
  plugins: readonly PluginConfig[],
  written: readonly Written[],
): readonly StartProblem[] {
  return plugins.flatMap(({ name, via }) => [
    ...(via?.credentialsFile === undefined ? [] : credentialsProblem(name, via.credentialsFile, written)),
    ...(via?.source ?? []).flatMap((text) => sourceProblem(name, text)),
    ...(via?.mark === undefined
      ? []
      : /* protects: G6 postern does not start where it may not mark sockets => [] */ markProblem(
          name,
          via.mark,
        )),
  ]);
}

function credentialsProblem(
  plugin: string,
  path: string,
  written: readonly Written[],
): readonly StartProblem[] {
  try {
    readCredentials(plugin, path, written);
    return [];
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    return [problemOf(plugin, error)];
  }
}

/** The kernel says whether a socket can have the address. */
function sourceProblem(plugin: string, text: string): readonly StartProblem[] {
  const address = parseAddress(text);
  const socket = address && tcpSocket(address.family);
  const result =
    address === undefined || socket === undefined
      ? -EADDRNOTAVAIL
      : typeof socket === 'number'
        ? socket
        : bindTo(socket.number, encodeSockaddr({ bytes: address.bytes, port: 0 }));
  if (typeof socket === 'object') socket.close();
  if (result >= 0) return [];
  const why = result === -EADDRNOTAVAIL ? 'it is no address of this host' : errnoName(-result);
  return [
    {
      code: 'bad_via',
      plugin,
      key: ['via', 'source'],
      intro: `Cannot start "${plugin}"`,
      message: `Connections cannot leave from "${text}": ${why}`,
      fix: 'name an address of this host: ip address shows them',
    },
  ];
}

/** Only a socket shows what a container or a kernel permits. */
function markProblem(plugin: string, mark: number): readonly StartProblem[] {
  const socket = tcpSocket(4);
  const result = typeof socket === 'number' ? socket : setSocketMark(socket.number, mark);
  if (typeof socket === 'object') socket.close();
  if (result >= 0) return [];
  return [
    {
      code: 'bad_via',
      plugin,
      key: ['via', 'mark'],
      intro: `Cannot start "${plugin}"`,
      message: `Connections cannot have the mark ${mark}: ${errnoName(-result)}`,
      fix: 'start postern as root with CAP_NET_ADMIN, or give the connections a source and match that: ip rule add from ADDRESS lookup TABLE',
    },
  ];
}

// Refuses credentials and secrets that a plugin would see. The folder must not show either: programs often replace a file
// when they change it, and the mount that hides a file hides no other one of its name.

/** A file that no plugin may see, and the key that names it. */
export interface SecretFile {
  readonly path: string;
  readonly key: string;
}

/**
 * @param secrets files with credentials and secrets, of all plugins
 * @throws PosternError `bad_via`, `bad_secret`
 */
export function requireUnseen(
  { entries, hiddenBy }: Pick<RootPlan, 'entries' | 'hiddenBy'>,
  plugin: string,
  secrets: readonly SecretFile[],
  host: HostFiles,
): void {
  const shows = (path: string): boolean =>
    hiddenBy(path) === undefined &&
    entries.some((entry) => entry.kind === 'bind' && isWithin(path, entry.source));
  for (const { path: secret, key } of secrets) {
    const real = host.real(secret);
    if (real === undefined) continue;
    const places = [real, ...host.aliases(real)].flatMap((path) => [path, dirname(path)]);
    if (
      /* protects: G6 a program that would see the credentials does not start => true */ !places.some(shows)
    )
      continue;
    const [code, what] =
      key === CREDENTIALS ? (['bad_via', 'credentials'] as const) : (['bad_secret', 'secret'] as const);
    throw new PosternError(code, `"${plugin}" would see the ${what} in "${secret}", or its folder`, {
      fix: 'keep the file in a folder that no plugin sees, or hide that folder',
      fields: { key },
    });
  }
}
