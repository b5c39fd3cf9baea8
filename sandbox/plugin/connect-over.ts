// Connects over a channel, in this order: check, ask, wait, wrap. Runs in the plugin, on the main thread.
import { Socket } from 'node:net';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { AbortError } from './abort-error.js';
import type { Channel } from './channel.js';
import { ConnectInquiry } from './connect-inquiry.js';
import { type ConnectOptions, checkOptions } from './connect-options.js';

/**
 * Connects over the channel that is given.
 *
 * @param findChannel called once the options are checked
 */
export async function connectOver(findChannel: () => Channel, options: ConnectOptions): Promise<Socket> {
  const destination = checkOptions(options);
  const { signal } = options;
  if (signal?.aborted) throw new AbortError(signal);
  const channel = findChannel();
  const descriptor = await new Promise<OwnedFd>((resolve, reject) => {
    new ConnectInquiry(channel, destination, options, resolve, reject);
  });
  // From here on the code runs in the async context of the call, so that the socket's events find its AsyncLocalStorage.
  try {
    if (signal?.aborted) throw new AbortError(signal);
    const socket = wrap(descriptor, options.allowHalfOpen ?? false);
    descriptor.release();
    return socket;
  } finally {
    descriptor.close();
  }
}

/** Where it throws, the descriptor keeps its owner: net.Socket opens it last. */
function wrap(descriptor: OwnedFd, allowHalfOpen: boolean): Socket {
  return new Socket({ fd: descriptor.number, readable: true, writable: true, allowHalfOpen });
}
