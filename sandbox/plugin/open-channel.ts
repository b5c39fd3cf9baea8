// openChannel() of postern/plugin: a separate channel for a child process. Runs in the plugin, on the main thread.

import { fstatSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import type { ChannelRequest } from '../../shared/protocol/messages.js';
import { OwnedFd } from '../../shared/sys/owned-fd.js';
import { AF_UNIX } from '../../shared/sys/sockaddr.js';
import { SOCK_SEQPACKET, socketKind } from '../../shared/sys/socket.js';
import { type Answer, Channel, type ChannelEnds, type Inquiry, type Verdict } from './channel.js';
import { PluginError } from './plugin-error.js';

/** Two descriptors for a child process, close-on-exec here. Call close() when the child is spawned. */
export interface ChildChannel {
  /** For index 3 of the child's `stdio`. */
  readonly requestFd: number;
  /** For index 4 of the child's `stdio`. */
  readonly replyFd: number;
  /** The variables that name them in the child: POSTERN_REQUEST_FD=3 and POSTERN_REPLY_FD=4. */
  readonly env: Readonly<Record<string, string>>;
  /** Closes both descriptors here. The child's channel goes on; a channel without a child ends. */
  close(): void;
  [Symbol.dispose](): void;
}

/**
 * Asks for another channel, for a child process. A child inherits the environment, but no descriptor of the channel. Two readers
 * of one channel would take each other's replies.
 *
 * @example
 * import { spawn } from 'node:child_process';
 * import { openChannel } from 'postern/plugin';
 *
 * const channel = await openChannel();
 * const child = spawn('python3', ['fetch.py'], {
 *   stdio: ['inherit', 'inherit', 'inherit', channel.requestFd, channel.replyFd],
 *   env: { ...process.env, ...channel.env },
 * });
 * channel.close();
 * child.on('exit', (status) => console.log(status));
 *
 * @returns the two descriptors and the variables that name them
 * @throws PosternError `EAGAIN` where the plugin has reached its limit of channels; `EMFILE`, `EPIPE`, `ENOCHANNEL` as
 *   connect() does
 */
export function openChannel(): Promise<ChildChannel> {
  return openChannelOver(processChannel);
}

/** Asks over the channel that is given. */
export async function openChannelOver(findChannel: () => Channel): Promise<ChildChannel> {
  const channel = findChannel();
  return new Promise((resolve, reject) => {
    channel.ask(new ChannelInquiry(resolve, reject));
  });
}

class ChannelInquiry implements Inquiry {
  id = -1;
  readonly #resolve: (channel: ChildChannel) => void;
  readonly #reject: (error: Error) => void;
  #request: OwnedFd | undefined;

  constructor(resolve: (channel: ChildChannel) => void, reject: (error: Error) => void) {
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** A new broker is asked again: half of a channel from the former one is useless. */
  request(): ChannelRequest {
    this.#request?.close();
    this.#request = undefined;
    return { op: 'open_channel', id: this.id };
  }

  take(reply: Answer, descriptor: OwnedFd | undefined): Verdict {
    if (!reply.ok) {
      if (descriptor !== undefined) return 'foreign';
      this.fail(PluginError.from(reply));
      return 'over';
    }
    if (descriptor === undefined || !('part' in reply)) return 'foreign';
    if (reply.part === 'request' && this.#request === undefined) {
      this.#request = descriptor;
      return 'more';
    }
    if (reply.part !== 'reply' || this.#request === undefined) return 'foreign';
    this.#resolve(childChannel(this.#request, descriptor));
    return 'over';
  }

  fail(error: Error): void {
    this.#request?.close();
    this.#reject(error);
  }
}

function childChannel(request: OwnedFd, reply: OwnedFd): ChildChannel {
  const close = (): void => {
    request.close();
    reply.close();
  };
  return {
    requestFd: request.number,
    replyFd: reply.number,
    env: { POSTERN_REQUEST_FD: '3', POSTERN_REPLY_FD: '4' },
    close,
    [Symbol.dispose]: close,
  };
}

// The one channel of a process. Runs in the plugin, on the main thread.

/** Two copies of this library in one process would read each other's replies. The first copy leaves this mark. */
const MARK = Symbol.for('postern.plugin.channel');

let channel: Channel | undefined;

/**
 * Opens the channel on first use. Later calls return the same channel, even if it has ended.
 *
 * @throws PluginError ENOCHANNEL where the environment names no channel, on a worker thread, or in the library's second copy
 */
export function processChannel(): Channel {
  if (channel !== undefined) return channel;
  if (!isMainThread) {
    throw new PluginError('ENOCHANNEL', 'The channel belongs to the main thread', {
      fix: 'Connect on the main thread',
    });
  }
  if (Object.hasOwn(process, MARK)) {
    throw new PluginError('ENOCHANNEL', 'Another copy of postern/plugin in this process has the channel', {
      fix: 'Install the package once for all: npm dedupe',
    });
  }
  channel = new Channel(findChannel(process.env));
  Object.defineProperty(process, MARK, { value: true });
  return channel;
}

// Finds the channel that this process was started with.

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
