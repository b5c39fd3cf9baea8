// netlink(7) sockets and the header of their messages. Runs in the broker, in the launcher, and in a thread of the supervisor.
//
// Another process may send to the port of such a socket, if it has CAP_NET_ADMIN in the user namespace that owns the network. A broker has it in a
// sandbox's, because its uid owns that namespace. A false answer would make the supervisor connect a plugin to a socket of the host. So the socket
// is connected to the kernel, which then refuses what others send, and each message must have the kernel as its sender.
import { endianness } from 'node:os';
import koffi from 'koffi';
import { LAYOUT } from './layout.js';
import { bind, type NativeCall, succeed } from './libc.js';
import { OwnedFd } from './owned-fd.js';
import {
  AF_NETLINK,
  bindTo,
  connect,
  MSG_DONTWAIT,
  recvfrom,
  SOCK_CLOEXEC,
  SOCK_RAW,
  socket,
} from './socket.js';

const little = endianness() === 'LE';
const SOCKADDR_NL = LAYOUT['struct sockaddr_nl'];
/** Its port is 0, and no other socket can have that. */
const KERNEL = new Uint8Array(SOCKADDR_NL.size);
new DataView(KERNEL.buffer).setUint16(0, AF_NETLINK, little);

/** rtnetlink(7) */
export const NETLINK_ROUTE = 0;
/** sock_diag(7) */
export const NETLINK_SOCK_DIAG = 4;
export const SOCK_DIAG_BY_FAMILY = 20;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const NLM_F_REQUEST = 1;
export const NLM_F_DUMP = 0x300;
/** Of addresses, rtnetlink(7). */
export const RTM_NEWADDR = 20;
export const IFA_ADDRESS = 1;
export const IFA_LOCAL = 2;
/** The header of an attribute: its length and its type, 16 bits each. */
export const ATTRIBUTE_BYTES = 4;
export const NETLINK_HEADER: (typeof LAYOUT)['struct nlmsghdr'] = LAYOUT['struct nlmsghdr'];

const send: NativeCall = bind('long send(int fd, const void *data, size_t length, int flags)');

/**
 * A socket of a netlink protocol, which talks with the kernel alone. It is bound, since the kernel sends no group's messages to a socket without a port.
 *
 * @param name of the protocol, for errors
 * @param groups whose messages it receives, as bits
 * @throws SystemError if the kernel does not have the protocol
 */
export function openNetlink(protocol: number, name: string, groups = 0): OwnedFd {
  const opened = new OwnedFd(
    succeed(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), `socket ${name}`),
  );
  const address = new Uint8Array(SOCKADDR_NL.size);
  const fields = new DataView(address.buffer);
  fields.setUint16(0, AF_NETLINK, little);
  fields.setUint32(SOCKADDR_NL.nl_groups, groups, little);
  try {
    succeed(bindTo(opened.number, address), `bind ${name}`);
    // protects: G14 netlink: the kernel refuses what others send (with: netlink: a message counts only if the kernel has sent it)
    succeed(connect(opened.number, KERNEL, KERNEL.length), `connect ${name}`);
    return opened;
  } catch (error) {
    opened.close();
    throw error;
  }
}

/** NLMSG_ALIGN and NLA_ALIGN */
export function netlinkAlign(length: number): number {
  return (length + 3) & ~3;
}

/** Writes the header of a message that fills `message`. @param number returns in the answers */
export function writeNetlinkHeader(message: Uint8Array, type: number, flags: number, number = 0): void {
  const view = new DataView(message.buffer, message.byteOffset, NETLINK_HEADER.size);
  view.setUint32(0, message.length, little);
  view.setUint16(NETLINK_HEADER.nlmsg_type, type, little);
  view.setUint16(NETLINK_HEADER.nlmsg_flags, flags, little);
  view.setUint32(NETLINK_HEADER.nlmsg_seq, number, little);
  view.setUint32(NETLINK_HEADER.nlmsg_pid, 0, little);
}

/**
 * The result in an answer without a list: NLMSG_ERROR, or NLMSG_DONE at the end of a list.
 *
 * @param length of the message at `at`
 * @returns 0, or minus errno
 */
export function netlinkResult(view: DataView, at: number, length: number): number {
  return length < NETLINK_HEADER.size + 4 ? 0 : view.getInt32(at + NETLINK_HEADER.size, little);
}

/** Sends messages. The kernel answers a question before this returns. @returns bytes sent, or minus errno */
export function sendNetlink(fd: number, bytes: Uint8Array, length: number = bytes.length): number {
  return send(fd, bytes, length, 0);
}

/** @param at where the address of a packet's sender begins */
function isOfKernel(sender: DataView, at: number): boolean {
  // protects: G14 netlink: a message counts only if the kernel has sent it (with: netlink: the kernel refuses what others send) => return true;
  return sender.getUint32(at + SOCKADDR_NL.nl_pid, little) === 0;
}

/** SAFETY: lent to one call at a time, on one thread. */
const sender = new Uint8Array(SOCKADDR_NL.size);
const senderView = new DataView(sender.buffer);
const senderLength = new Uint8Array(4);

/** Receives one packet of the kernel, and drops others. Never waits. @returns its bytes, or minus errno: EAGAIN, ENOBUFS if the kernel dropped some */
export function receiveNetlink(fd: number, into: Uint8Array): number {
  for (;;) {
    new DataView(senderLength.buffer).setUint32(0, sender.length, little);
    const bytes = recvfrom(fd, into, into.length, MSG_DONTWAIT, sender, senderLength);
    if (bytes < 0 || isOfKernel(senderView, 0)) return bytes;
  }
}

const recvmmsg: NativeCall = bind(
  'int recvmmsg(int fd, void *messages, uint count, int flags, void *timeout)',
);
const MMSGHDR = LAYOUT['struct mmsghdr'];
const MSGHDR = LAYOUT['struct msghdr'];
const IOVEC = LAYOUT['struct iovec'];

/** Receives many packets by one call, recvmmsg(2). */
export class NetlinkPackets {
  /** Where each packet begins, from one to the next. */
  readonly step: number;
  readonly bytes: Uint8Array;
  readonly #most: number;
  readonly #headers: Uint8Array;
  readonly #fields: DataView;
  readonly #vectors: Uint8Array;
  readonly #senders: DataView;

  /** @param most packets at a time @param step room for each, in bytes. What is longer is cut */
  constructor(most: number, step: number) {
    this.#most = most;
    this.step = step;
    this.bytes = new Uint8Array(most * step);
    this.#headers = new Uint8Array(most * MMSGHDR.size);
    this.#fields = new DataView(this.#headers.buffer);
    this.#vectors = new Uint8Array(most * IOVEC.size);
    const senders = new Uint8Array(most * SOCKADDR_NL.size);
    this.#senders = new DataView(senders.buffer);
    // SAFETY: the memory of an ArrayBuffer does not move, and this object keeps all of it alive.
    const place = (array: Uint8Array, at: number): bigint => koffi.address(array) + BigInt(at);
    const vectors = new DataView(this.#vectors.buffer);
    for (let index = 0; index < most; index += 1) {
      const [header, vector] = [index * MMSGHDR.size, index * IOVEC.size];
      this.#fields.setBigUint64(header, place(senders, index * SOCKADDR_NL.size), little);
      this.#fields.setUint32(header + MSGHDR.msg_namelen, SOCKADDR_NL.size, little);
      this.#fields.setBigUint64(header + MSGHDR.msg_iov, place(this.#vectors, vector), little);
      this.#fields.setBigUint64(header + MSGHDR.msg_iovlen, 1n, little);
      vectors.setBigUint64(vector, place(this.bytes, index * step), little);
      vectors.setBigUint64(vector + IOVEC.iov_len, BigInt(step), little);
    }
  }

  /** Never waits. The kernel leaves the headers fit for the next call. @returns how many came, or minus errno as {@link receiveNetlink} */
  receive(fd: number): number {
    return recvmmsg(fd, this.#headers, this.#most, MSG_DONTWAIT, null);
  }

  /** The length of a packet that came; 0 if it is not the kernel's. */
  lengthOf(index: number): number {
    if (!isOfKernel(this.#senders, index * SOCKADDR_NL.size)) return 0;
    return this.#fields.getUint32(index * MMSGHDR.size + MMSGHDR.msg_len, little);
  }
}
