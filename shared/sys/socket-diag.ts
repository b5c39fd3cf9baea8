// sock_diag(7): which TCP sockets of this network namespace still exist, and which have ended. It asks by cookie, and learns nothing about
// their data. Needs no privilege. Runs in the broker; the supervisor asks whether the kernel has it.
import { endianness } from 'node:os';
import { LAYOUT } from './layout.js';
import { boundAddress } from './listen.js';
import {
  NETLINK_HEADER,
  NETLINK_SOCK_DIAG,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_ERROR,
  netlinkResult,
  openNetlink,
  receiveNetlink,
  SOCK_DIAG_BY_FAMILY,
  sendNetlink,
  writeNetlinkHeader,
} from './netlink.js';
import type { OwnedFd } from './owned-fd.js';
import { AF_INET, AF_INET6, type Endpoint } from './sockaddr.js';
import { IPPROTO_TCP, SOL_NETLINK, SOL_SOCKET } from './socket-constants.js';
import { readOption, setOption } from './socket-option.js';
import { errnoName, SystemError, succeed } from './system-error.js';

const SO_COOKIE = 57;
const NETLINK_ADD_MEMBERSHIP = 1;
/** SKNLGRP_INET_TCP_DESTROY and SKNLGRP_INET6_TCP_DESTROY, linux/sock_diag.h. */
const DESTROY_GROUPS = [1, 3];
const HEADER = NETLINK_HEADER;
const REQUEST = LAYOUT['struct inet_diag_req_v2'];
const REPLY = LAYOUT['struct inet_diag_msg'];
/** An answer takes up to 2 KiB of the buffer of the socket, whose usual size is 208 KiB. */
const BATCH = 32;
/** Messages that are taken from the kernel at a time. */
const ENDED_AT_A_TIME = 256;
const little = endianness() === 'LE';

/** struct inet_diag_req_v2 */
export const SOCKET_ID_BYTES: number = REQUEST.size;
const QUESTION_BYTES = HEADER.size + REQUEST.size;

const received = new Uint8Array(32 * 1024);
const receivedView = new DataView(received.buffer);
const cookie = new Uint8Array(8);

/**
 * Writes the identity of a TCP socket, from the start of its connect on: its addresses, and its cookie, which no other socket ever has. It
 * has the form of the kernel's question.
 *
 * @param peer of the connection. Before the socket is connected, getpeername(2) does not return it
 * @param into SOCKET_ID_BYTES
 * @returns its cookie
 */
export function writeSocketId(fd: number, peer: Endpoint, into: Uint8Array): bigint {
  const own = boundAddress(fd);
  succeed(readOption(fd, SOL_SOCKET, SO_COOKIE, cookie), 'getsockopt SO_COOKIE');
  into.fill(0);
  const view = new DataView(into.buffer, into.byteOffset, REQUEST.size);
  into[0] = own?.bytes.length === 16 ? AF_INET6 : AF_INET;
  into[REQUEST.sdiag_protocol] = IPPROTO_TCP;
  into.fill(0xff, REQUEST.idiag_states, REQUEST.idiag_states + 4);
  view.setUint16(REQUEST['id.idiag_sport'], own?.port ?? 0, false);
  view.setUint16(REQUEST['id.idiag_dport'], peer.port, false);
  into.set(own?.bytes ?? [], REQUEST['id.idiag_src']);
  into.set(peer.bytes, REQUEST['id.idiag_dst']);
  into.set(cookie, REQUEST['id.idiag_cookie']);
  return cookieOf(into);
}

/** The cookie in an identity; 0 if there is none. */
export function cookieOf(id: Uint8Array): bigint {
  return new DataView(id.buffer, id.byteOffset).getBigUint64(REQUEST['id.idiag_cookie'], little);
}

/** Asks the kernel about sockets of this network namespace. */
export class SocketDiag {
  /** Becomes readable when any TCP socket has ended. */
  readonly ended: OwnedFd;
  readonly #questions: OwnedFd;
  readonly #batch = new Uint8Array(BATCH * QUESTION_BYTES);

  /** @throws SystemError if the kernel has no sock_diag(7) for TCP */
  constructor() {
    this.#questions = openNetlink(NETLINK_SOCK_DIAG, 'NETLINK_SOCK_DIAG');
    this.ended = openNetlink(NETLINK_SOCK_DIAG, 'NETLINK_SOCK_DIAG');
    try {
      requireTcp(this.#questions.number);
      for (const group of DESTROY_GROUPS) {
        setOption(this.ended.number, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group);
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** @returns cookies of sockets that have ended; `lost` if the kernel could not keep all of them; empty: no more now */
  takeEnded(): readonly bigint[] | 'lost' {
    const cookies: bigint[] = [];
    while (cookies.length < ENDED_AT_A_TIME) {
      const bytes = receiveNetlink(this.ended.number, received);
      if (bytes < 0 && errnoName(-bytes) === 'ENOBUFS') return 'lost';
      if (bytes < HEADER.size + REPLY.size) break;
      cookies.push(receivedView.getBigUint64(HEADER.size + REPLY['id.idiag_cookie'], little));
    }
    return cookies;
  }

  /**
   * Asks about sockets.
   *
   * @param ids see {@link writeSocketId}
   * @returns for each, in their order, whether a process still holds it. Without an answer of the kernel, it counts as held.
   */
  areHeld(ids: readonly Uint8Array[]): readonly boolean[] {
    const held = ids.map(() => true);
    for (let at = 0; at < ids.length; at += BATCH) this.#ask(ids.slice(at, at + BATCH), at, held);
    return held;
  }

  close(): void {
    this.ended.close();
    this.#questions.close();
  }

  /** The kernel answers during the send: each question by one message with its number. */
  #ask(ids: readonly Uint8Array[], first: number, held: boolean[]): void {
    for (const [index, id] of ids.entries()) {
      writeQuestion(this.#batch.subarray(index * QUESTION_BYTES), id, NLM_F_REQUEST, first + index);
    }
    if (sendNetlink(this.#questions.number, this.#batch, ids.length * QUESTION_BYTES) < 0) return;
    for (let answers = 0; answers < ids.length; answers += 1) {
      const bytes = receiveNetlink(this.#questions.number, received);
      if (bytes < HEADER.size) return;
      const type = receivedView.getUint16(HEADER.nlmsg_type, little);
      const index = receivedView.getUint32(HEADER.nlmsg_seq, little);
      // A socket that no process holds has no inode: its last bytes are being delivered, or it is in TIME_WAIT.
      held[index] =
        type !== NLMSG_ERROR && receivedView.getUint32(HEADER.size + REPLY.idiag_inode, little) !== 0;
    }
  }
}

function writeQuestion(into: Uint8Array, id: Uint8Array, flags: number, number: number): void {
  writeNetlinkHeader(into.subarray(0, QUESTION_BYTES), SOCK_DIAG_BY_FAMILY, flags, number);
  into.set(id.subarray(0, REQUEST.size), HEADER.size);
}

/** Asks for the sockets in no state: an empty list, or an error if the kernel does not know about TCP. */
function requireTcp(fd: number): void {
  const id = new Uint8Array(REQUEST.size);
  id[0] = AF_INET;
  id[REQUEST.sdiag_protocol] = IPPROTO_TCP;
  const question = new Uint8Array(QUESTION_BYTES);
  writeQuestion(question, id, NLM_F_REQUEST | NLM_F_DUMP, 1);
  succeed(sendNetlink(fd, question), 'send NETLINK_SOCK_DIAG');
  const bytes = receiveNetlink(fd, received);
  succeed(bytes, 'recv NETLINK_SOCK_DIAG');
  const result = netlinkResult(receivedView, 0, bytes);
  if (result < 0) throw new SystemError('NETLINK_SOCK_DIAG', -result, 'TCP');
}
