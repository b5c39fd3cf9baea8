// sock_diag(7): which TCP and AF_UNIX sockets of this network namespace still exist, and what the TCP ones have carried. It asks by cookie, and sees none of their
// data. Needs no privilege. Runs in the broker; the supervisor asks whether the kernel has it.

import { fstatSync } from 'node:fs';
import { endianness } from 'node:os';
import { LAYOUT } from './layout.js';
import { errnoName, SystemError, succeed } from './libc.js';
import {
  NETLINK_HEADER,
  NETLINK_SOCK_DIAG,
  NetlinkPackets,
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
import { AF_INET, AF_INET6, AF_UNIX, type Endpoint } from './sockaddr.js';
import {
  IPPROTO_TCP,
  readOption,
  SO_COOKIE,
  SOL_NETLINK,
  SOL_SOCKET,
  setOption,
  unixSocket,
  writeOption,
} from './socket.js';
import { readTcpAccount, TCP_STATE, type TcpAccount } from './socket-state.js';

const INET_DIAG_INFO = 2;
/** The timer of a socket in TIME_WAIT: a place of the kernel for what is left of a socket that has ended. */
const TIMER_TIME_WAIT = 3;
const ATTRIBUTE = LAYOUT['struct nlattr'];
const HEADER = NETLINK_HEADER;
const REQUEST = LAYOUT['struct inet_diag_req_v2'];
const REPLY = LAYOUT['struct inet_diag_msg'];
const UNIX_REQUEST = LAYOUT['struct unix_diag_req'];
const UNIX_REPLY = LAYOUT['struct unix_diag_msg'];
/** Of an AF_UNIX socket, the identity has the inode in the place of the addresses. */
const INODE = REQUEST['id.idiag_src'];
/** An answer takes up to 2 KiB of the buffer of the socket, whose usual size is 208 KiB. */
const BATCH = 32;
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
 * @param own the socket's own address
 * @param peer of the connection. Before the socket is connected, getpeername(2) does not return it
 * @param into SOCKET_ID_BYTES
 * @returns its cookie
 */
export function writeSocketId(fd: number, own: Endpoint, peer: Endpoint, into: Uint8Array): bigint {
  succeed(readOption(fd, SOL_SOCKET, SO_COOKIE, cookie), 'getsockopt SO_COOKIE');
  into.fill(0, 0, SOCKET_ID_BYTES);
  const view = new DataView(into.buffer, into.byteOffset, REQUEST.size);
  into[0] = own.bytes.length === 16 ? AF_INET6 : AF_INET;
  into[REQUEST.sdiag_protocol] = IPPROTO_TCP;
  into.fill(0xff, REQUEST.idiag_states, REQUEST.idiag_states + 4);
  view.setUint16(REQUEST['id.idiag_sport'], own.port, false);
  view.setUint16(REQUEST['id.idiag_dport'], peer.port, false);
  into.set(own.bytes, REQUEST['id.idiag_src']);
  into.set(peer.bytes, REQUEST['id.idiag_dst']);
  into.set(cookie, REQUEST['id.idiag_cookie']);
  return cookieOf(into);
}

/** Writes the identity of an AF_UNIX socket, as {@link writeSocketId} does. @returns its cookie */
export function writeUnixSocketId(fd: number, into: Uint8Array): bigint {
  succeed(readOption(fd, SOL_SOCKET, SO_COOKIE, cookie), 'getsockopt SO_COOKIE');
  into.fill(0, 0, SOCKET_ID_BYTES);
  into[0] = AF_UNIX;
  new DataView(into.buffer, into.byteOffset).setUint32(INODE, fstatSync(fd).ino, little);
  into.set(cookie, REQUEST['id.idiag_cookie']);
  return cookieOf(into);
}

/** Whether an identity is that of an AF_UNIX socket. */
export function isUnixSocketId(id: Uint8Array): boolean {
  return id[0] === AF_UNIX;
}

/** The cookie in an identity; 0 if there is none. */
export function cookieOf(id: Uint8Array): bigint {
  return new DataView(id.buffer, id.byteOffset).getBigUint64(REQUEST['id.idiag_cookie'], little);
}

/** The peer in an identity. */
export function peerIn(id: Uint8Array): Endpoint {
  const at = REQUEST['id.idiag_dst'];
  const view = new DataView(id.buffer, id.byteOffset);
  return {
    bytes: id.slice(at, at + (id[0] === AF_INET6 ? 16 : 4)),
    port: view.getUint16(REQUEST['id.idiag_dport'], false),
  };
}

/** What the kernel says about a socket. */
export type SocketLook =
  /** Nothing: it has ended, or it has no peer any more and a process still holds it. */
  | { readonly kind: 'gone' }
  | {
      readonly kind: 'there';
      /** Of the file by which processes hold it. 0: no process does. The kernel may still deliver its last bytes. */
      readonly inode: number;
      readonly uid: number;
      /** If it was asked for. */
      readonly account: TcpAccount | undefined;
    }
  /** The kernel did not answer. */
  | { readonly kind: 'unknown' };

const GONE: SocketLook = { kind: 'gone' };
const UNKNOWN: SocketLook = { kind: 'unknown' };

/** Asks the kernel about sockets of this network namespace. */
export class SocketDiag {
  readonly #questions: OwnedFd;
  readonly #batch = new Uint8Array(BATCH * QUESTION_BYTES);

  /** @throws SystemError if the kernel has no sock_diag(7) for TCP */
  constructor() {
    this.#questions = openNetlink(NETLINK_SOCK_DIAG, 'NETLINK_SOCK_DIAG');
    try {
      requireTcp(this.#questions.number);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Asks about sockets.
   *
   * @param ids see {@link writeSocketId}
   * @param accounts whether their accounts are wanted. For a socket that a process holds this waits for its lock, which that process may keep
   * @returns for each, in their order
   */
  look(ids: readonly Uint8Array[], accounts: boolean): readonly SocketLook[] {
    const found: SocketLook[] = ids.map(() => UNKNOWN);
    for (let at = 0; at < ids.length; at += BATCH) this.#ask(ids.slice(at, at + BATCH), at, accounts, found);
    return found;
  }

  /** Whether the kernel answers for AF_UNIX sockets: CONFIG_UNIX_DIAG. */
  knowsUnix(): boolean {
    const socket = unixSocket('stream');
    if (typeof socket === 'number') return false;
    using known = socket;
    const id = new Uint8Array(SOCKET_ID_BYTES);
    writeUnixSocketId(known.number, id);
    return this.look([id], false)[0]?.kind === 'there';
  }

  close(): void {
    this.#questions.close();
  }

  /** The kernel answers during the send: each question by one message with its number. */
  #ask(ids: readonly Uint8Array[], first: number, accounts: boolean, found: SocketLook[]): void {
    for (const [index, id] of ids.entries()) {
      const at = index * QUESTION_BYTES;
      writeQuestion(this.#batch.subarray(at), id, NLM_F_REQUEST, first + index);
      this.#batch[at + HEADER.size + REQUEST.idiag_ext] = accounts ? 1 << (INET_DIAG_INFO - 1) : 0;
    }
    if (sendNetlink(this.#questions.number, this.#batch, ids.length * QUESTION_BYTES) < 0) return;
    for (let answers = 0; answers < ids.length; answers += 1) {
      const bytes = receiveNetlink(this.#questions.number, received);
      if (bytes < HEADER.size) return;
      found[receivedView.getUint32(HEADER.nlmsg_seq, little)] = readLook(bytes);
    }
  }
}

function readLook(bytes: number): SocketLook {
  const isError = receivedView.getUint16(HEADER.nlmsg_type, little) === NLMSG_ERROR;
  if (!isError && received[HEADER.size] === AF_UNIX)
    return {
      kind: 'there',
      inode: receivedView.getUint32(HEADER.size + UNIX_REPLY.udiag_ino, little),
      uid: 0,
      account: undefined,
    };
  if (isError || received[HEADER.size + REPLY.idiag_timer] === TIMER_TIME_WAIT) return GONE;
  return {
    kind: 'there',
    inode: receivedView.getUint32(HEADER.size + REPLY.idiag_inode, little),
    uid: receivedView.getUint32(HEADER.size + REPLY.idiag_uid, little),
    account: readInfo(received.subarray(0, bytes), received[HEADER.size + REPLY.idiag_state] ?? 0),
  };
}

/** The account in a message of the kernel; undefined if it has none. */
function readInfo(message: Uint8Array, state: number): TcpAccount | undefined {
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  for (let at = HEADER.size + REPLY.size; at + ATTRIBUTE.size <= message.length; ) {
    const length = view.getUint16(at, little);
    if (length < ATTRIBUTE.size || at + length > message.length) return undefined;
    if (view.getUint16(at + ATTRIBUTE.nla_type, little) === INET_DIAG_INFO)
      return readTcpAccount(message.subarray(at + ATTRIBUTE.size, at + length), state);
    at += (length + 3) & ~3;
  }
  return undefined;
}

function writeQuestion(into: Uint8Array, id: Uint8Array, flags: number, number: number): void {
  writeNetlinkHeader(into.subarray(0, QUESTION_BYTES), SOCK_DIAG_BY_FAMILY, flags, number);
  if (!isUnixSocketId(id)) {
    into.set(id.subarray(0, REQUEST.size), HEADER.size);
    return;
  }
  // A struct unix_diag_req is shorter. The kernel does not read what follows it.
  const request = into.subarray(HEADER.size, QUESTION_BYTES).fill(0);
  request[0] = AF_UNIX;
  request.fill(0xff, UNIX_REQUEST.udiag_states, UNIX_REQUEST.udiag_states + 4);
  request.set(id.subarray(INODE, INODE + 4), UNIX_REQUEST.udiag_ino);
  const at = REQUEST['id.idiag_cookie'];
  request.set(id.subarray(at, at + 8), UNIX_REQUEST.udiag_cookie);
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

// The kernel's reports of TCP sockets that have ended in this network namespace, sock_diag(7) SKNLGRP_INET_TCP_DESTROY: of all of them,
// whichever process had them. The supervisor opens and keeps the socket, so that no report is lost between two brokers. The broker reads it.

const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;
const NETLINK_ADD_MEMBERSHIP = 1;
/** SKNLGRP_INET_TCP_DESTROY and SKNLGRP_INET6_TCP_DESTROY, linux/sock_diag.h. */
const DESTROY_GROUPS = [1, 3];
/** A report takes some 1,300 bytes. Without CAP_NET_ADMIN the kernel gives twice net.core.rmem_max at most. */
const BUFFER = new Uint8Array(new Int32Array([8 * 1024 * 1024]).buffer);
/** Reports that are taken from the kernel at a time. */
const AT_A_TIME = 32;
/** A report has some 500 bytes. */
const REPORT_ROOM = 1024;
const COOKIE = NETLINK_HEADER.size + REPLY['id.idiag_cookie'];

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

/** Takes the reports of {@link openEndedSockets}. */
export class EndedSockets {
  readonly #packets = new NetlinkPackets(AT_A_TIME, REPORT_ROOM);
  readonly #view = new DataView(this.#packets.bytes.buffer);

  /**
   * Takes AT_A_TIME reports at most.
   *
   * @param fd see {@link openEndedSockets}
   * @param find tells whose the socket with this cookie was. Most were of other programs, and of their reports no more is read
   * @returns `all`: AT_A_TIME came; `lost`: the kernel could not keep all. Only after `none` there are no more
   */
  take<T>(
    fd: number,
    find: (cookie: bigint) => T | undefined,
    ended: (found: T, cookie: bigint, account: TcpAccount | undefined) => void,
  ): 'none' | 'some' | 'all' | 'lost' {
    const { bytes, step } = this.#packets;
    const count = this.#packets.receive(fd);
    if (count < 0) return errnoName(-count) === 'ENOBUFS' ? 'lost' : 'none';
    for (let index = 0; index < count; index += 1) {
      const length = this.#packets.lengthOf(index);
      if (length < NETLINK_HEADER.size + REPLY.size) continue;
      const at = index * step;
      const cookie = this.#view.getBigUint64(at + COOKIE, little);
      const found = find(cookie);
      if (found !== undefined)
        ended(found, cookie, readInfo(bytes.subarray(at, at + length), TCP_STATE.CLOSE));
    }
    return count < AT_A_TIME ? 'some' : 'all';
  }
}
