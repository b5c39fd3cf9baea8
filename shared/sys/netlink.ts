// netlink(7) sockets and the header of their messages. Runs in the broker; the supervisor asks whether the kernel has sock_diag(7).
import { endianness } from 'node:os';
import { LAYOUT } from './layout.js';
import { bind, type NativeCall } from './libc.js';
import { bindTo } from './listen.js';
import { OwnedFd } from './owned-fd.js';
import { socket } from './socket-calls.js';
import { AF_NETLINK, MSG_DONTWAIT, SOCK_CLOEXEC } from './socket-constants.js';
import { succeed } from './system-error.js';

const SOCK_RAW = 3;
const SOCKADDR_NL = LAYOUT['struct sockaddr_nl'];

export const NLMSG_ERROR = 2;
export const NLM_F_REQUEST = 1;
export const NLM_F_DUMP = 0x300;
export const NETLINK_HEADER: (typeof LAYOUT)['struct nlmsghdr'] = LAYOUT['struct nlmsghdr'];

const send: NativeCall = bind('long send(int fd, const void *data, size_t length, int flags)');
const recv: NativeCall = bind('long recv(int fd, void *data, size_t length, int flags)');

/**
 * A socket of a netlink protocol. It is bound, since the kernel sends no group's messages to a socket without a port.
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
  fields.setUint16(0, AF_NETLINK, endianness() === 'LE');
  fields.setUint32(SOCKADDR_NL.nl_groups, groups, endianness() === 'LE');
  const result = bindTo(opened.number, address);
  if (result < 0) opened.close();
  succeed(result, `bind ${name}`);
  return opened;
}

/** Sends messages. The kernel answers a question before this returns. @returns bytes sent, or minus errno */
export function sendNetlink(fd: number, bytes: Uint8Array, length: number = bytes.length): number {
  return send(fd, bytes, length, 0);
}

/** Receives one packet. Never waits. @returns its bytes, or minus errno: EAGAIN, ENOBUFS if the kernel dropped some */
export function receiveNetlink(fd: number, into: Uint8Array): number {
  return recv(fd, into, into.length, MSG_DONTWAIT);
}
