// postern/plugin: connections for a program that runs under postern. Runs in the plugin, on the main thread.
export { AbortError } from './abort-error.js';
export type { Destination } from './check-destination.js';
export { connect } from './connect.js';
export type { ConnectOptions } from './connect-options.js';
export { type Explanation, explain } from './explain.js';
export { type ChildChannel, openChannel } from './open-channel.js';
export { PluginError as PosternError } from './plugin-error.js';
