// Finds what a start refuses of `via`: credentials that cannot be used, a source that is no address of this host, a mark without the capability for
// it. Runs in the supervisor.

import { statSync } from 'node:fs';
import { constants } from 'node:os';
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { PosternError } from '../../../shared/errors.js';
import { parseAddress } from '../../../shared/policy/address.js';
import { errnoName } from '../../../shared/sys/libc.js';
import { encodeSockaddr } from '../../../shared/sys/sockaddr.js';
import { bindTo, tcpSocket } from '../../../shared/sys/socket.js';
import { setSocketMark } from '../../../shared/sys/socket-state.js';
import { problemOf, type StartProblem } from '../files/start-problem.js';
import { readCredentials } from './read-credentials.js';

const { EADDRNOTAVAIL } = constants.errno;

/** @returns every problem of every plugin, with the code `bad_via` */
export function viaProblems(plugins: readonly PluginConfig[]): readonly StartProblem[] {
  return plugins.flatMap(({ name, via }) => [
    ...(via?.credentialsFile === undefined ? [] : credentialsProblem(name, via.credentialsFile)),
    ...(via?.source ?? []).flatMap((text) => sourceProblem(name, text)),
    ...(via?.mark === undefined
      ? []
      : /* protects: G6 postern does not start where it may not mark sockets => [] */ markProblem(
          name,
          via.mark,
        )),
  ]);
}

/** A pipe can be read once, and the start itself does that. */
function credentialsProblem(plugin: string, path: string): readonly StartProblem[] {
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isFile() !== false) readCredentials(path);
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
