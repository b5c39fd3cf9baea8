// Brings the loopback interface up and gives it addresses, by the ioctls of netdevice(7). Runs in the launcher.
import { ioctl } from './common-calls.js';
import { LAYOUT } from './layout.js';
import { OwnedFd } from './owned-fd.js';
import { AF_INET, AF_INET6, encodeSockaddr } from './sockaddr.js';
import { socket } from './socket-calls.js';
import { SOCK_CLOEXEC, SOCK_DGRAM } from './socket-constants.js';
import { succeed } from './system-error.js';

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
