// postern/plugin/register, for `node --import`: what the program connects with Node's own net, tls, http, https, http2 and
// fetch goes through the channel. Runs in the plugin, before the program. http, http2 and fetch come along with net and tls.
// It has no part in the containment: what it misses, the kernel refuses.
import { syncBuiltinESMExports } from 'node:module';
import { Socket } from 'node:net';
import tls from 'node:tls';
import { PluginError } from './plugin-error.js';
import { routeSockets } from './route-sockets.js';
import { routeTls } from './route-tls.js';

if (process.env['POSTERN_REQUEST_FD'] === undefined) {
  const message = 'postern/plugin/register has no channel: POSTERN_REQUEST_FD is not set';
  throw new PluginError('ENOCHANNEL', message, {
    fix: 'Start the program with "postern run", or leave out --import postern/plugin/register',
  });
}
routeSockets(Socket.prototype);
Object.assign(tls, { connect: routeTls(tls.connect) });
syncBuiltinESMExports();
