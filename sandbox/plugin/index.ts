// postern/plugin: connections for a program that runs under postern. Runs in the plugin, on the main thread.

export { ChannelSocket } from './channel-socket.js';
export { connect } from './connect.js';
export type { SocketCallback } from './connect-for.js';
export { HttpAgent, HttpsAgent } from './connect-for.js';
export type { ConnectOptions, Destination, SocketDestination } from './connect-options.js';
export { AbortError } from './connect-over.js';
export { type Explanation, explain } from './explain.js';
export { type ChildChannel, openChannel } from './open-channel.js';
export { PluginError as PosternError } from './plugin-error.js';
