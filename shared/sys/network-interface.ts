// Brings the loopback interface up, by an ioctl of netdevice(7), and gives it addresses, by rtnetlink(7). Runs in the launcher.

import koffi from 'koffi';
import { LAYOUT } from './layout.js';
import { errnoName, ioctl, succeed } from './libc.js';
import {
  ATTRIBUTE_BYTES,
  IFA_ADDRESS,
  IFA_LOCAL,
  NETLINK_HEADER,
  NETLINK_ROUTE,
  NLM_F_REQUEST,
  netlinkResult,
  openNetlink,
  RTM_NEWADDR,
  receiveNetlink,
  sendNetlink,
  writeNetlinkHeader,
} from './netlink.js';
import { OwnedFd } from './owned-fd.js';
import { AF_INET, AF_INET6 } from './sockaddr.js';
import { SOCK_CLOEXEC, SOCK_DGRAM, socket } from './socket.js';

const SOCK_DGRAM_CLOEXEC = SOCK_DGRAM | SOCK_CLOEXEC;
const SIOCSIFFLAGS = 0x8914;
const IFF_UP_RUNNING = 0x1 | 0x40;
const IFREQ = LAYOUT['struct ifreq'];
const IFNAMSIZ = IFREQ.ifr_flags;
const IFADDRMSG = LAYOUT['struct ifaddrmsg'];
/** NLM_F_ACK, NLM_F_EXCL and NLM_F_CREATE */
const NEW_WITH_ANSWER = 0x4 | 0x200 | 0x400;
/** `lo` in every network namespace. */
const LOOPBACK_INDEX = 1;

/** Brings `lo` up in this network namespace. */
export function bringLoopbackUp(): void {
  using probe = new OwnedFd(succeed(socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0), 'socket AF_INET'));
  const request = new Uint8Array(IFREQ.size);
  request.set(new TextEncoder().encode('lo'));
  new DataView(request.buffer).setInt16(IFNAMSIZ, IFF_UP_RUNNING, true);
  succeed(ioctl(probe.number, SIOCSIFFLAGS, request), 'ioctl SIOCSIFFLAGS', 'lo');
}

/**
 * Adds addresses to `lo`, each with a prefix that has no other. By rtnetlink(7): the ioctl would give an IPv4 address a name of its own, `lo:0`, which
 * if_nametoindex(3) does not know.
 *
 * @param addresses of 4 or 16 bytes. A kernel without IPv6 adds none of the latter
 */
export function addLoopbackAddresses(addresses: readonly Uint8Array[]): void {
  using kernel = openNetlink(NETLINK_ROUTE, 'NETLINK_ROUTE');
  for (const address of addresses) {
    const result = addAddress(kernel.number, address, address.length * 8);
    const hasNoIpv6 = address.length === 16 && result < 0 && errnoName(-result) === 'EOPNOTSUPP';
    if (!hasNoIpv6) succeed(result, 'RTM_NEWADDR', 'lo');
  }
}

function newAddress(address: Uint8Array, bits: number): Uint8Array {
  const attribute = ATTRIBUTE_BYTES + address.length;
  const message = new Uint8Array(NETLINK_HEADER.size + IFADDRMSG.size + 2 * attribute);
  writeNetlinkHeader(message, RTM_NEWADDR, NLM_F_REQUEST | NEW_WITH_ANSWER);
  const view = new DataView(message.buffer);
  let at = NETLINK_HEADER.size;
  view.setUint8(at, address.length === 4 ? AF_INET : AF_INET6);
  view.setUint8(at + IFADDRMSG.ifa_prefixlen, bits);
  view.setUint32(at + IFADDRMSG.ifa_index, LOOPBACK_INDEX, true);
  at += IFADDRMSG.size;
  for (const type of [IFA_LOCAL, IFA_ADDRESS]) {
    view.setUint16(at, attribute, true);
    view.setUint16(at + 2, type, true);
    message.set(address, at + ATTRIBUTE_BYTES);
    at += attribute;
  }
  return message;
}

/**
 * Makes each address of a block one of the loopback interface: the kernel takes the whole block for local, since it is on `lo` (fib_add_ifaddr()).
 *
 * @param block 4 bytes
 * @param bits of its prefix
 */
export function addLoopbackBlock(block: Uint8Array, bits: number): void {
  // The first address of the block: the block itself is none that a socket can have.
  const first = Uint8Array.from(block);
  first[3] = (first[3] ?? 0) + 1;
  using kernel = openNetlink(NETLINK_ROUTE, 'NETLINK_ROUTE');
  succeed(addAddress(kernel.number, first, bits), 'RTM_NEWADDR', 'lo');
}

/** @returns 0, or minus errno */
function addAddress(kernel: number, address: Uint8Array, bits: number): number {
  const answer = new Uint8Array(256);
  succeed(sendNetlink(kernel, newAddress(address, bits)), 'send RTM_NEWADDR');
  const length = succeed(receiveNetlink(kernel, answer), 'recv RTM_NEWADDR');
  return netlinkResult(new DataView(answer.buffer), 0, length);
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
