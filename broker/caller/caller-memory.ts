// What a trapped call has in its caller's memory: where it lies, how it is copied, and the values that it holds. Runs in the broker, on any of
// its threads. The bytes are hostile: all code beyond this file works on a copy.

import { constants } from 'node:os';
import { type Address, addressFromBytes } from '../../shared/policy/address.js';
import { LAYOUT } from '../../shared/sys/layout.js';
import { IFCONF_BYTES, IFREQ_BYTES, SIOCGIFCONF } from '../../shared/sys/network-interface.js';
import { readMemory } from '../../shared/sys/process-memory.js';
import type { Notification } from '../../shared/sys/seccomp-notify.js';
import { AF_INET, AF_INET6, AF_UNIX, familyOf, portOf } from '../../shared/sys/sockaddr.js';

const { EFAULT, EINVAL, ENAMETOOLONG } = constants.errno;

// Reads a plugin's struct sockaddr into an owned value. Pure. The bytes are hostile, and a copy.

const AF_UNSPEC = 0;
const AF_NETLINK = 16;
const IN = LAYOUT['struct sockaddr_in'];
const IN6 = LAYOUT['struct sockaddr_in6'];
export const SOCKADDR_IN_BYTES: number = IN.size;
/** sockaddr_in6 without its scope, as in RFC 2133. The kernel takes that too. */
export const SOCKADDR_IN6_BYTES = 24;

/** Where the address lies in a struct sockaddr, and how long that must be. */
interface InetForm {
  readonly at: number;
  readonly bytes: number;
  readonly least: number;
}

const INET: InetForm = { at: IN.sin_addr, bytes: 4, least: SOCKADDR_IN_BYTES };
const INET6: InetForm = { at: IN6.sin6_addr, bytes: 16, least: SOCKADDR_IN6_BYTES };

/** @param family AF_INET or AF_INET6 */
export function inetForm(family: number): InetForm {
  return family === AF_INET ? INET : INET6;
}

/** struct sockaddr_storage: connect(2) and bind(2) take no more. */
const MAX_SOCKADDR_BYTES = 128;

/** What an address names. */
export type TrappedAddress =
  | {
      readonly kind: 'inet';
      /** As the plugin wrote it: an IPv4 address may come in a sockaddr_in6. */
      readonly family: typeof AF_INET | typeof AF_INET6;
      readonly address: Address;
      readonly port: number;
    }
  | { readonly kind: 'unspec' | 'unix' | 'netlink' | 'other' | 'short' };

export type InetAddress = Extract<TrappedAddress, { kind: 'inet' }>;

/** @param raw exactly as many bytes as the call's length says, 2 at least */
export function readSockaddr(raw: Uint8Array): TrappedAddress {
  const family = familyOf(raw);
  switch (family) {
    case AF_UNSPEC:
      return { kind: 'unspec' };
    case AF_UNIX:
      return { kind: 'unix' };
    case AF_NETLINK:
      return { kind: 'netlink' };
    case AF_INET:
    case AF_INET6: {
      const { at, bytes, least } = inetForm(family);
      if (raw.length < least) return { kind: 'short' };
      const address = addressFromBytes(raw.slice(at, at + bytes));
      return { kind: 'inet', family, address, port: portOf(raw) };
    }
    default:
      return { kind: 'other' };
  }
}

// Copies a struct sockaddr, or another short argument, out of a caller's memory.

const FAMILY_BYTES = 2;
const scratch = new Uint8Array(MAX_SOCKADDR_BYTES);

/** @returns a copy of exactly `length` bytes, or minus errno as connect(2) and bind(2) have it */
export function copyAddress(tid: number, address: bigint, length: number): Uint8Array | number {
  if (length < FAMILY_BYTES || length > MAX_SOCKADDR_BYTES) return -EINVAL;
  return readMemory(tid, address, scratch, length) === length ? scratch.slice(0, length) : -EFAULT;
}

// Copies a path out of a caller's memory.

/** PATH_MAX, with the NUL. */
const MOST_BYTES = 4096;
/** No page is smaller. Memory may end with the page in which the path ends. */
const PAGE_BYTES = 4096;
const page = new Uint8Array(PAGE_BYTES);

/** @returns a copy without its NUL, or minus errno as chmod(2) has it */
export function copyPath(tid: number, at: bigint): Uint8Array | number {
  const path = new Uint8Array(MOST_BYTES);
  let copied = 0;
  while (copied < MOST_BYTES) {
    const from = at + BigInt(copied);
    const length = Math.min(PAGE_BYTES - Number(from % BigInt(PAGE_BYTES)), MOST_BYTES - copied);
    if (readMemory(tid, from, page, length) !== length) return -EFAULT;
    const end = page.subarray(0, length).indexOf(0);
    path.set(page.subarray(0, end < 0 ? length : end), copied);
    if (end >= 0) return path.slice(0, copied + end);
    copied += length;
  }
  return -ENAMETOOLONG;
}

// Where the argument of a trapped call lies in its caller's memory.

/** sizeof(struct linger), socket(7). */
export const LINGER_BYTES = 8;

export interface PassedMemory {
  readonly at: bigint;
  /** As the call says, and for an option or a request no more than the kernel reads. */
  readonly length: number;
}

/** struct sockaddr of connect(2) and bind(2). */
export function passedAddress({ address, ints }: Notification): PassedMemory {
  return { at: address, length: ints[2] };
}

/** The value of setsockopt(2). */
export function passedOption({ option }: Notification): PassedMemory {
  return { at: option.address, length: Math.min(option.length, LINGER_BYTES) };
}

/** The struct of an ioctl(2) that reads interfaces. */
export function passedRequest({ third, ints }: Notification): PassedMemory {
  return { at: third, length: ints[1] === SIOCGIFCONF ? IFCONF_BYTES : IFREQ_BYTES };
}
