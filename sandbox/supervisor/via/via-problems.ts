// Finds what a start refuses of `via`: credentials that cannot be used, a source that is no address of this host. Runs in the supervisor.

import { statSync } from 'node:fs';
import { constants } from 'node:os';
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { PosternError } from '../../../shared/errors.js';
import { parseAddress } from '../../../shared/policy/address.js';
import { bindTo } from '../../../shared/sys/listen.js';
import { encodeSockaddr } from '../../../shared/sys/sockaddr.js';
import { tcpSocket } from '../../../shared/sys/socket.js';
import { errnoName } from '../../../shared/sys/system-error.js';
import { problemOf, type StartProblem } from '../files/start-problem.js';
import { readCredentials } from './read-credentials.js';

const { EADDRNOTAVAIL } = constants.errno;

/** @returns every problem of every plugin, with the code `bad_via` */
export function viaProblems(plugins: readonly PluginConfig[]): readonly StartProblem[] {
  return plugins.flatMap(({ name, via }) => [
    ...(via?.credentialsFile === undefined ? [] : credentialsProblem(name, via.credentialsFile)),
    ...(via?.source ?? []).flatMap((text) => sourceProblem(name, text)),
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
