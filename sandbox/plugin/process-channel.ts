// The one channel of a process. Runs in the plugin, on the main thread.
import { isMainThread } from 'node:worker_threads';
import { Channel } from './channel.js';
import { findChannel } from './find-channel.js';
import { PluginError } from './plugin-error.js';

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
