// The source address of a connection (`via.source`). Runs in the broker.
import { constants } from 'node:os';
import type { Address } from '../../shared/policy/address.js';
import { isLoopback } from '../../shared/policy/host-block.js';
import { bindTo } from '../../shared/sys/listen.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { encodeSockaddr } from '../../shared/sys/sockaddr.js';
import { leavePortOpen } from '../../shared/sys/socket.js';
import type { Upstream } from '../upstream/upstream.js';
import { endpointOf } from './endpoint-of.js';

const { ENETUNREACH } = constants.errno;

/**
 * Binds a socket to the plugin's source address, if it has one. Loopback is left out: a service there may ask who calls.
 *
 * @param family of the socket
 * @param to what it will be connected to
 * @returns 0, or minus errno: ENETUNREACH for a family without a source, EADDRNOTAVAIL if the host has lost the address
 */
export function bindSource({ sources }: Upstream, socket: OwnedFd, family: 4 | 6, to: Address): number {
  if (sources === undefined || isLoopback(to)) return 0;
  const source = sources[to.family];
  if (source === undefined)
    // protects: G6 a family without a source address is not dialled => return 0;
    return -ENETUNREACH;
  leavePortOpen(socket.number);
  // protects: G6 connections leave from the source address => return 0;
  return bindTo(socket.number, encodeSockaddr(endpointOf(source, 0, family)));
}
