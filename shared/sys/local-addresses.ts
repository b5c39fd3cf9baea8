// rtnetlink(7): the addresses that the kernel treats as those of this host, and notices of changes. Needs no privilege. Runs in the broker.
import { endianness } from 'node:os';
import { LAYOUT } from './layout.js';
import { errnoName, SystemError, succeed } from './libc.js';
import {
  ATTRIBUTE_BYTES,
  IFA_ADDRESS,
  IFA_LOCAL,
  NETLINK_HEADER,
  NETLINK_ROUTE,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  netlinkAlign,
  netlinkResult,
  openNetlink,
  RTM_NEWADDR,
  receiveNetlink,
  sendNetlink,
  writeNetlinkHeader,
} from './netlink.js';
import type { OwnedFd } from './owned-fd.js';
import { AF_INET, AF_INET6 } from './sockaddr.js';
import { SOL_NETLINK, setOption } from './socket.js';

const NETLINK_GET_STRICT_CHK = 12;
/** RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_IFADDR, RTMGRP_IPV6_ROUTE */
const CHANGE_GROUPS = 0x10 | 0x40 | 0x100 | 0x400;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;
const NLM_F_DUMP_INTR = 0x10;
const RTA_DST = 1;
const RT_TABLE_LOCAL = 255;
const RTN_LOCAL = 2;
/** Packets to an anycast address of this host stay on it. */
const RTN_ANYCAST = 4;
const HEADER = NETLINK_HEADER;
const ADDRESS = LAYOUT['struct ifaddrmsg'];
const ROUTE = LAYOUT['struct rtmsg'];
/** A list that changes while it is read is read again, so often in all. */
const TRIES = 5;
const little = endianness() === 'LE';

/** The kernel never sends a larger part of a list, see netlink_dump() in its net/netlink/af_netlink.c. */
const received = new Uint8Array(32 * 1024);
const view = new DataView(received.buffer);

/** Addresses whose first `length` bits are those of `bytes`. */
export interface LocalPrefix {
  /** 4 or 16 bytes in network order, owned by the receiver. */
  readonly bytes: Uint8Array;
  /** 0 to 32, or 0 to 128. */
  readonly length: number;
}

/** The lists of the kernel for this network namespace. */
export class LocalAddresses implements Disposable {
  readonly #lists: OwnedFd;
  readonly #changes: OwnedFd;

  /** @throws SystemError if the kernel does not give such a socket */
  constructor() {
    this.#lists = open(0);
    try {
      setOption(this.#lists.number, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
      this.#changes = open(CHANGE_GROUPS);
    } catch (error) {
      this.#lists.close();
      throw error;
    }
  }

  /** Whether an address or a route has changed since the last call. Takes one or two system calls. */
  takeChanged(): boolean {
    let changed = false;
    for (;;) {
      const bytes = receiveNetlink(this.#changes.number, received);
      // ENOBUFS: the kernel had no room for all notices, and says so once.
      if (bytes < 0 && errnoName(-bytes) !== 'ENOBUFS') return changed;
      changed = true;
    }
  }

  /**
   * Reads the addresses of every interface, even of one that is down or has no carrier, and the routes of the table `local`, which may be
   * whole blocks.
   *
   * @throws SystemError if the kernel gives no list
   */
  read(): readonly LocalPrefix[] {
    for (let left = TRIES; ; left -= 1) {
      const found: LocalPrefix[] = [];
      const whole = [AF_INET, AF_INET6].map(
        (family) =>
          this.#list(RTM_GETADDR, addressQuestion(family), found) &&
          /* protects: G7 names: a block that is routed to the host is its own */ this.#list(
            RTM_GETROUTE,
            routeQuestion(family),
            found,
          ),
      );
      if (whole.every(Boolean) || left === 1) return found;
    }
  }

  /** @returns whether nothing changed meanwhile */
  #list(type: number, body: Uint8Array, into: LocalPrefix[]): boolean {
    const fd = this.#lists.number;
    const question = new Uint8Array(HEADER.size + body.length);
    writeNetlinkHeader(question, type, NLM_F_REQUEST | NLM_F_DUMP);
    question.set(body, HEADER.size);
    succeed(sendNetlink(fd, question), 'send NETLINK_ROUTE');
    let whole = true;
    for (;;) {
      const bytes = succeed(receiveNetlink(fd, received), 'recv NETLINK_ROUTE');
      for (let at = 0; at + HEADER.size <= bytes; ) {
        const length = view.getUint32(at, little);
        if (length < HEADER.size || at + length > bytes)
          throw new SystemError('NETLINK_ROUTE', 74, 'message');
        const kind = view.getUint16(at + HEADER.nlmsg_type, little);
        if ((view.getUint16(at + HEADER.nlmsg_flags, little) & NLM_F_DUMP_INTR) !== 0) whole = false;
        if (kind === NLMSG_DONE || kind === NLMSG_ERROR) return endOfList(at, length) && whole;
        const prefix = kind === RTM_NEWADDR ? addressAt(at, length) : routeAt(kind, at, length);
        if (prefix !== undefined)
          // protects: G7 names: an address that the kernel takes for the host's own is no public one
          into.push(prefix);
        at += netlinkAlign(length);
      }
    }
  }

  [Symbol.dispose](): void {
    this.#lists.close();
    this.#changes.close();
  }
}

function open(groups: number): OwnedFd {
  return openNetlink(NETLINK_ROUTE, 'NETLINK_ROUTE', groups);
}

function addressQuestion(family: number): Uint8Array {
  const body = new Uint8Array(ADDRESS.size);
  body[0] = family;
  return body;
}

function routeQuestion(family: number): Uint8Array {
  const body = new Uint8Array(ROUTE.size);
  body[0] = family;
  body[ROUTE.rtm_table] = RT_TABLE_LOCAL;
  return body;
}

/** Both kinds of end report an error as minus errno. An empty table or a missing family is no error. */
function endOfList(at: number, length: number): true {
  const result = netlinkResult(view, at, length);
  if (result < 0 && !['ENOENT', 'EAFNOSUPPORT', 'EOPNOTSUPP'].includes(errnoName(-result) ?? ''))
    throw new SystemError('NETLINK_ROUTE', -result, 'list');
  return true;
}

/** Without IFA_LOCAL, IFA_ADDRESS is the address. With it, IFA_ADDRESS is the other end of a point-to-point link. */
function addressAt(at: number, length: number): LocalPrefix | undefined {
  const start = at + HEADER.size + ADDRESS.size;
  const bytes = attribute(start, at + length, IFA_LOCAL) ?? attribute(start, at + length, IFA_ADDRESS);
  return bytes && { bytes, length: bytes.length * 8 };
}

function routeAt(kind: number, at: number, length: number): LocalPrefix | undefined {
  const body = at + HEADER.size;
  const type = received[body + ROUTE.rtm_type];
  if (kind !== RTM_NEWROUTE || (type !== RTN_LOCAL && type !== RTN_ANYCAST)) return undefined;
  const bits = received[body + ROUTE.rtm_dst_len] ?? 0;
  const size = received[body] === AF_INET ? 4 : 16;
  // A route to every address has no destination.
  const bytes = attribute(body + ROUTE.size, at + length, RTA_DST) ?? new Uint8Array(size);
  return bytes.length === size && bits <= size * 8 ? { bytes, length: bits } : undefined;
}

function attribute(start: number, end: number, wanted: number): Uint8Array | undefined {
  for (let at = start; at + ATTRIBUTE_BYTES <= end; ) {
    const length = view.getUint16(at, little);
    if (length < ATTRIBUTE_BYTES || at + length > end) return undefined;
    const value = received.slice(at + ATTRIBUTE_BYTES, at + length);
    if (view.getUint16(at + 2, little) === wanted && (value.length === 4 || value.length === 16))
      return value;
    at += netlinkAlign(length);
  }
  return undefined;
}
