// postern/plugin/register, for `node --import`: connections by Node's own net, tls, http, https, http2 and fetch go through the
// channel. It replaces methods of net and tls, which the others use. Runs in the plugin, before the program.
// It is no part of the containment: the kernel refuses every connect that it misses.
import { syncBuiltinESMExports } from 'node:module';
import { Socket } from 'node:net';
import tls from 'node:tls';
import { PluginError } from './plugin-error.js';
import { routeSockets, routeTls } from './route-sockets.js';

if (process.env['POSTERN_REQUEST_FD'] === undefined) {
  const message = 'postern/plugin/register has no channel: POSTERN_REQUEST_FD is not set';
  throw new PluginError('ENOCHANNEL', message, {
    fix: 'Start the program with "postern run", or remove --import postern/plugin/register',
  });
}
routeSockets(Socket.prototype);
Object.assign(tls, { connect: routeTls(tls.connect) });
syncBuiltinESMExports();
