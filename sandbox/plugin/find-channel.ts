// Finds the channel that this process was started with. Runs in the plugin.
import { fstatSync } from 'node:fs';
import { OwnedFd } from '../../shared/sys/owned-fd.js';
import { AF_UNIX } from '../../shared/sys/sockaddr.js';
import { SOCK_SEQPACKET, socketKind } from '../../shared/sys/socket.js';
import type { ChannelEnds } from './channel.js';
import { PluginError } from './plugin-error.js';

const NUMBER = /^\d{1,9}$/;

/**
 * Reads POSTERN_REQUEST_FD and POSTERN_REPLY_FD, and checks that they name the descriptors of PROTOCOL.md.
 *
 * @param environment the variables
 * @returns the two descriptors, with their owner
 * @throws PluginError ENOCHANNEL where a variable is missing, or names something else
 */
export function findChannel(environment: NodeJS.ProcessEnv): ChannelEnds {
  const request = readNumber(environment, 'POSTERN_REQUEST_FD');
  const reply = readNumber(environment, 'POSTERN_REPLY_FD');
  if (!isPipe(request)) throw strangeDescriptor('POSTERN_REQUEST_FD', request, 'a pipe');
  const kind = socketKind(reply);
  if (kind?.family !== AF_UNIX || kind.type !== SOCK_SEQPACKET) {
    throw strangeDescriptor('POSTERN_REPLY_FD', reply, 'a packet socket');
  }
  return { request: new OwnedFd(request), reply: new OwnedFd(reply) };
}

function readNumber(environment: NodeJS.ProcessEnv, name: string): number {
  const value = environment[name];
  if (value === undefined) {
    throw new PluginError('ENOCHANNEL', `This program does not run under postern: ${name} is not set`, {
      fix: 'Start it with "postern run"',
    });
  }
  if (!NUMBER.test(value)) {
    throw new PluginError('ENOCHANNEL', `${name} is not a descriptor number: ${JSON.stringify(value)}`, {
      fix: 'Leave the variable as postern sets it',
    });
  }
  return Number(value);
}

function isPipe(fd: number): boolean {
  try {
    return fstatSync(fd).isFIFO();
  } catch {
    return false;
  }
}

/** The common cause: a child process inherits the variables, but Node passes it only the descriptors in `stdio`. */
function strangeDescriptor(name: string, fd: number, expected: string): PluginError {
  return new PluginError('ENOCHANNEL', `${name} names descriptor ${fd}, which is not ${expected}`, {
    fix: 'A child process gets a channel of its own: openChannel() in its parent, and the two descriptors in its stdio',
  });
}
