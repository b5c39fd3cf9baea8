// postern/plugin: connections for a program that runs under postern. Runs in the plugin, on the main thread.
export { AbortError } from './abort-error.js';
export { ChannelSocket } from './channel-socket.js';
export type { Destination } from './check-destination.js';
export { connect } from './connect.js';
export type { SocketCallback } from './connect-for.js';
export type { ConnectOptions } from './connect-options.js';
export { type Explanation, explain } from './explain.js';
export { HttpAgent } from './http-agent.js';
export { HttpsAgent } from './https-agent.js';
export { type MysqlStreamOptions, mysqlStream } from './mysql-stream.js';
export { type ChildChannel, openChannel } from './open-channel.js';
export { pgStream } from './pg-stream.js';
export { PluginError as PosternError } from './plugin-error.js';
export type { SocketDestination } from './read-destination.js';
export { RedisConnector } from './redis-connector.js';
export { type SmtpSocketCallback, type SmtpSocketOptions, smtpSocket } from './smtp-socket.js';
