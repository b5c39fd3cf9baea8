// Brings the loopback interface up and gives it addresses, by the ioctls of netdevice(7). Runs in the launcher.

import koffi from 'koffi';
import { LAYOUT } from './layout.js';
import { ioctl, succeed } from './libc.js';
import { OwnedFd } from './owned-fd.js';
import { AF_INET, AF_INET6, encodeSockaddr } from './sockaddr.js';
import { SOCK_CLOEXEC, SOCK_DGRAM, socket } from './socket.js';

const SOCK_DGRAM_CLOEXEC = SOCK_DGRAM | SOCK_CLOEXEC;
const SIOCSIFFLAGS = 0x8914;
const SIOCSIFADDR = 0x8916;
const SIOCSIFNETMASK = 0x891c;
const IFF_UP_RUNNING = 0x1 | 0x40;
const IFREQ = LAYOUT['struct ifreq'];
const IFNAMSIZ = IFREQ.ifr_flags;
const IN6_IFREQ = LAYOUT['struct in6_ifreq'];
const LOOPBACK_INDEX = 1;

function ifreq(name: string): Uint8Array {
  const bytes = new Uint8Array(IFREQ.size);
  bytes.set(new TextEncoder().encode(name));
  return bytes;
}

/** Brings `lo` up in this network namespace. */
export function bringLoopbackUp(): void {
  using probe = new OwnedFd(succeed(socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0), 'socket AF_INET'));
  const request = ifreq('lo');
  new DataView(request.buffer).setInt16(IFNAMSIZ, IFF_UP_RUNNING, true);
  succeed(ioctl(probe.number, SIOCSIFFLAGS, request), 'ioctl SIOCSIFFLAGS', 'lo');
}

/**
 * Adds one address of each family to `lo`. The prefix of each has no other address.
 *
 * @param v4 4 bytes
 * @param v6 16 bytes. A kernel without IPv6 gets none
 */
export function addLoopbackAddresses(v4: Uint8Array, v6: Uint8Array): void {
  using probe = new OwnedFd(succeed(socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0), 'socket AF_INET'));
  const address = ifreq('lo:0');
  address.set(encodeSockaddr({ bytes: v4, port: 0 }), IFNAMSIZ);
  succeed(ioctl(probe.number, SIOCSIFADDR, address), 'ioctl SIOCSIFADDR', 'lo:0');
  const mask = ifreq('lo:0');
  mask.set(encodeSockaddr({ bytes: new Uint8Array([255, 255, 255, 255]), port: 0 }), IFNAMSIZ);
  succeed(ioctl(probe.number, SIOCSIFNETMASK, mask), 'ioctl SIOCSIFNETMASK', 'lo:0');

  const sixth = socket(AF_INET6, SOCK_DGRAM_CLOEXEC, 0);
  if (sixth < 0) return; // The kernel has no IPv6.
  using probe6 = new OwnedFd(sixth);
  // struct in6_ifreq: address, prefix length, interface index.
  const request = new Uint8Array(IN6_IFREQ.size);
  request.set(v6);
  const view = new DataView(request.buffer);
  view.setUint32(IN6_IFREQ.ifr6_prefixlen, 128, true);
  view.setInt32(IN6_IFREQ.ifr6_ifindex, LOOPBACK_INDEX, true);
  succeed(ioctl(probe6.number, SIOCSIFADDR, request), 'ioctl SIOCSIFADDR', 'lo');
}

// Requests of ioctl(2) that read the interfaces of a socket's network namespace, netdevice(7). The launcher's filter reports them, and the
// broker asks in the caller's place.

const IFCONF = LAYOUT['struct ifconf'];
export const IFREQ_BYTES: number = LAYOUT['struct ifreq'].size;
export const IFCONF_BYTES: number = IFCONF.size;
/** Takes a struct ifconf. All others take a struct ifreq. */
export const SIOCGIFCONF = 0x8912;
/** A sandbox has `lo` alone, with one address more. */
const MOST_LISTED = 16;

/**
 * SIOCGIFNAME, SIOCGIFCONF, SIOCGIFFLAGS, SIOCGIFADDR, SIOCGIFDSTADDR, SIOCGIFBRDADDR, SIOCGIFNETMASK, SIOCGIFMETRIC, SIOCGIFMTU,
 * SIOCGIFHWADDR, SIOCGIFINDEX, SIOCGIFTXQLEN, SIOCGIFMAP.
 */
export const INTERFACE_READS: readonly number[] = [
  0x8910,
  SIOCGIFCONF,
  ...[0x8913, 0x8915, 0x8917, 0x8919, 0x891b, 0x891d, 0x8921, 0x8927, 0x8933, 0x8942, 0x8970],
];

/**
 * Asks about one interface.
 *
 * @param request one of {@link INTERFACE_READS} that takes a struct ifreq
 * @param ifreq IFREQ_BYTES. The kernel writes its answer there
 * @returns 0, or minus errno: ENODEV, EADDRNOTAVAIL, ENOTTY, …
 */
export function readInterface(fd: number, request: number, ifreq: Uint8Array): number {
  return ioctl(fd, request, ifreq);
}

/** @returns a struct ifreq for each IPv4 address of each interface, or minus errno */
export function listInterfaces(fd: number): Uint8Array | number {
  const list = new Uint8Array(MOST_LISTED * IFREQ_BYTES);
  const ifconf = new Uint8Array(IFCONF_BYTES);
  const view = new DataView(ifconf.buffer);
  view.setInt32(0, list.length, true);
  // SAFETY: the memory of an ArrayBuffer does not move, and `list` outlives the call. The kernel writes no more than the length says.
  view.setBigUint64(IFCONF.ifc_buf, koffi.address(list), true);
  const result = ioctl(fd, SIOCGIFCONF, ifconf);
  return result < 0 ? result : list.subarray(0, view.getInt32(0, true));
}
