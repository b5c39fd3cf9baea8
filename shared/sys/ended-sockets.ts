// The kernel's reports of TCP sockets that have ended in this network namespace, sock_diag(7) SKNLGRP_INET_TCP_DESTROY: of all of them,
// whichever process had them. The supervisor opens and keeps the socket, so that no report is lost between two brokers. The broker reads it.
import { endianness } from 'node:os';
import { LAYOUT } from './layout.js';
import { NETLINK_HEADER, NETLINK_SOCK_DIAG, openNetlink, receiveNetlink } from './netlink.js';
import type { OwnedFd } from './owned-fd.js';
import { SOL_NETLINK, SOL_SOCKET } from './socket-constants.js';
import { readInfo } from './socket-diag.js';
import { setOption, writeOption } from './socket-option.js';
import { TCP_STATE } from './socket-state.js';
import { errnoName } from './system-error.js';
import type { TcpAccount } from './tcp-account.js';

const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;
const NETLINK_ADD_MEMBERSHIP = 1;
/** SKNLGRP_INET_TCP_DESTROY and SKNLGRP_INET6_TCP_DESTROY, linux/sock_diag.h. */
const DESTROY_GROUPS = [1, 3];
/** A report takes some 1,300 bytes. Without CAP_NET_ADMIN the kernel gives twice net.core.rmem_max at most. */
const BUFFER = new Uint8Array(new Int32Array([8 * 1024 * 1024]).buffer);
/** Reports that are taken from the kernel at a time. */
const AT_A_TIME = 256;
const REPLY = LAYOUT['struct inet_diag_msg'];
const COOKIE = NETLINK_HEADER.size + REPLY['id.idiag_cookie'];
const little = endianness() === 'LE';

const received = new Uint8Array(4 * 1024);
const view = new DataView(received.buffer);

/** @returns a socket that becomes readable when any TCP socket has ended @throws SystemError if the kernel has no sock_diag(7) */
export function openEndedSockets(): OwnedFd {
  const socket = openNetlink(NETLINK_SOCK_DIAG, 'NETLINK_SOCK_DIAG');
  try {
    if (writeOption(socket.number, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER) < 0)
      writeOption(socket.number, SOL_SOCKET, SO_RCVBUF, BUFFER);
    for (const group of DESTROY_GROUPS) setOption(socket.number, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group);
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/**
 * Takes reports, AT_A_TIME at most.
 *
 * @param fd see {@link openEndedSockets}
 * @param take called for each, with the socket's cookie and what reads its account, within the call only
 * @returns `some`: there may be more; `lost`: the kernel could not keep all of them, and there may be more
 */
export function takeEndedSockets(
  fd: number,
  take: (cookie: bigint, read: () => TcpAccount | undefined) => void,
): 'none' | 'some' | 'lost' {
  for (let count = 0; count < AT_A_TIME; count += 1) {
    const bytes = receiveNetlink(fd, received);
    if (bytes < 0 && errnoName(-bytes) === 'ENOBUFS') return 'lost';
    if (bytes < NETLINK_HEADER.size + REPLY.size) return 'none';
    take(view.getBigUint64(COOKIE, little), () => readInfo(received.subarray(0, bytes), TCP_STATE.CLOSE));
  }
  return 'some';
}
