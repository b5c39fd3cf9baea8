// openChannel() of postern/plugin: a separate channel for a child process. Runs in the plugin, on the main thread.
import type { ChannelRequest } from '../../shared/protocol/messages.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { Channel } from './channel.js';
import type { Answer, Inquiry, Verdict } from './inquiry.js';
import { PluginError } from './plugin-error.js';
import { processChannel } from './process-channel.js';

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
