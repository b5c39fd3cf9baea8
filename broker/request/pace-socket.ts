// The limit bytes_per_second of a connection. Runs in the broker. The plugin cannot change it: its filter refuses SO_MAX_PACING_RATE.

import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { paceSending } from '../../shared/sys/pacing.js';
import type { Plugin } from './plugin.js';

/** Sets the limit before the socket connects. @returns 0, or minus errno */
export function paceSocket({ limits: { bytesPerSecond } }: Pick<Plugin, 'limits'>, socket: OwnedFd): number {
  return bytesPerSecond === undefined ? 0 : paceSending(socket.number, bytesPerSecond);
}
