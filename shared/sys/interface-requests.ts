// Requests of ioctl(2) that read the interfaces of a socket's network namespace, netdevice(7). The launcher's filter reports them, and the
// broker asks in the caller's place.
import koffi from 'koffi';
import { ioctl } from './common-calls.js';
import { LAYOUT } from './layout.js';

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
