// Which AF_UNIX socket files were bound inside a sandbox, sock_diag(7). The path of a socket says nothing: it may be relative, from another
// root, or renamed since. The kernel knows the file itself. Runs in the broker, and in a thread of the supervisor.

import { randomBytes } from 'node:crypto';
import { fstatSync, statfsSync } from 'node:fs';
import { endianness } from 'node:os';
import { BoundedMap } from '../bounded-map.js';

import { LAYOUT } from './layout.js';
import {
  NETLINK_HEADER,
  NETLINK_SOCK_DIAG,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  netlinkAlign,
  openNetlink,
  receiveNetlink,
  SOCK_DIAG_BY_FAMILY,
  sendNetlink,
  writeNetlinkHeader,
} from './netlink.js';
import type { OwnedFd } from './owned-fd.js';
import { AF_UNIX } from './sockaddr.js';
import { TCP_STATE } from './socket-state.js';

/** Listening AF_UNIX sockets of a sandbox outside its own file systems that connects find. */
const UNIX_LISTENERS = 4_096;

const HEADER = NETLINK_HEADER;
const REQUEST = LAYOUT['struct unix_diag_req'];
const REPLY = LAYOUT['struct unix_diag_msg'];
const ATTRIBUTE = LAYOUT['struct nlattr'];
const VFS = LAYOUT['struct unix_diag_vfs'];
const UDIAG_SHOW_VFS = 2;
const UNIX_DIAG_VFS = 1;
const little = endianness() === 'LE';
/** statfs(2). Inode numbers of ext2, ext3 and ext4 have 32 bits, as many as sock_diag(7) tells. */
const EXT = 0xef53;
const XFS = 0x58465342n;
/** XFS numbers its inodes by where they lie. Up to this size, every number has at most 32 bits: no inode is smaller than 256 bytes. */
const SMALL_XFS_BYTES = 2n ** 31n * 256n;

const received = new Uint8Array(32 * 1024);
const view = new DataView(received.buffer);
/** INET_DIAG_NOCOOKIE, in each half: any socket with the number. */
const ANY_COOKIE = 0xffffffffffffffffn;

/** A listening socket: its own inode number and its cookie, which no other socket ever has, and its file. */
interface Listening {
  readonly number: number;
  readonly cookie: bigint;
  /** Device and inode of the file, as the kernel tells them. */
  readonly file: string | undefined;
}

/** A socket that asks about the AF_UNIX sockets of this process's network namespace. */
export function openUnixDiag(): OwnedFd {
  return openNetlink(NETLINK_SOCK_DIAG, 'NETLINK_SOCK_DIAG');
}

/**
 * The listening sockets of one sandbox that have a file. postern makes each listen(2) of a plugin and notes the socket then. So a connect asks
 * the kernel about one socket, and not about all: a plugin can have many.
 */
export class SandboxListeners {
  readonly #diag: number;
  readonly #scratch: readonly bigint[];
  readonly #known = new BoundedMap<string, Listening>(UNIX_LISTENERS);
  #listed = false;

  /**
   * @param diag a NETLINK_SOCK_DIAG socket of the sandbox's network namespace
   * @param scratch stat(2)'s st_dev of each file system that is the sandbox's own: no socket of the host is there
   */
  constructor(diag: number, scratch: readonly bigint[]) {
    this.#diag = diag;
    this.#scratch = scratch;
  }

  /** A socket of the sandbox listens now. */
  note(fd: number): void {
    const { ino } = fstatSync(fd, { bigint: true });
    for (const one of ask(this.#diag, Number(BigInt.asUintN(32, ino)), ANY_COOKIE)) this.#keep(one);
  }

  /**
   * Whether a file is a socket on which a process of the sandbox listens, or lies in a file system of the sandbox's own. A file system whose
   * inode numbers are longer than sock_diag(7) tells them gives no answer: then it is not.
   *
   * @param file a handle (O_PATH)
   */
  has(file: number): boolean {
    const { dev, ino } = fstatSync(file, { bigint: true });
    if (this.#scratch.includes(dev)) return true;
    if (!hasShortInodes(file)) return false;
    const name = fileName(kernelDevice(dev), Number(BigInt.asUintN(32, ino)));
    // A broker that has just started, or a new thread, has noted none: once it asks for all.
    if (this.#known.get(name) === undefined && !this.#listed) {
      this.#listed = true;
      for (const one of ask(this.#diag)) this.#keep(one);
    }
    const known = this.#known.get(name);
    if (known === undefined) return false;
    if (
      !(
        /* protects: G14 an AF_UNIX connect asks the kernel about one socket, and not about all => ask(this.#diag).some((one) => one.file === name) */ ask(
          this.#diag,
          known.number,
          known.cookie,
        ).some((one) => one.file === name)
      )
    )
      return false;
    // A socket in use stays known, however many others the sandbox has.
    this.#known.set(name, known);
    return true;
  }

  #keep(one: Listening): void {
    if (one.file !== undefined) this.#known.set(one.file, one);
  }
}

function hasShortInodes(file: number): boolean {
  const { type, blocks, bsize } = statfsSync(`/proc/self/fd/${file}`, { bigint: true });
  return type === BigInt(EXT) || (type === XFS && blocks * bsize <= SMALL_XFS_BYTES);
}

/** The kernel's own form of a device number, linux/kdev_t.h. */
function kernelDevice(dev: bigint): number {
  const major = Number(((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn & 0xffffffffn));
  const minor = Number((dev & 0xffn) | ((dev >> 12n) & 0xffffff00n));
  return ((major << 20) | minor) >>> 0;
}

function fileName(device: number, inode: number): string {
  return `${device}:${inode}`;
}

/**
 * Asks the kernel for listening sockets of the namespace.
 *
 * @param number the inode number of one socket; without it, for all
 */
function ask(diag: number, number?: number, cookie: bigint = ANY_COOKIE): readonly Listening[] {
  const id = randomBytes(4).readUInt32LE();
  // What a process left that ended in the middle of an answer.
  while (receiveNetlink(diag, received) >= 0);
  if (sendNetlink(diag, question(id, number, cookie)) < 0) return [];
  const found: Listening[] = [];
  for (;;) {
    const bytes = receiveNetlink(diag, received);
    if (bytes < HEADER.size || !readAnswers(bytes, id, found) || number !== undefined) return found;
  }
}

/** Reads the messages of a packet. @returns false after the last answer */
function readAnswers(bytes: number, id: number, into: Listening[]): boolean {
  for (let at = 0; at + HEADER.size <= bytes; ) {
    const length = view.getUint32(at, little);
    if (length < HEADER.size || at + length > bytes) return false;
    const type = view.getUint16(at + HEADER.nlmsg_type, little);
    const answers = view.getUint32(at + HEADER.nlmsg_seq, little) === id;
    if (answers && (type === NLMSG_DONE || type === NLMSG_ERROR)) return false;
    const one =
      answers && type === SOCK_DIAG_BY_FAMILY ? readListening(at + HEADER.size, at + length) : undefined;
    if (one !== undefined) into.push(one);
    at += netlinkAlign(length);
  }
  return true;
}

function question(id: number, number: number | undefined, cookie: bigint): Uint8Array {
  const bytes = new Uint8Array(HEADER.size + REQUEST.size);
  const all = number === undefined;
  writeNetlinkHeader(bytes, SOCK_DIAG_BY_FAMILY, all ? NLM_F_REQUEST | NLM_F_DUMP : NLM_F_REQUEST, id);
  const fields = new DataView(bytes.buffer, HEADER.size);
  fields.setUint8(0, AF_UNIX);
  fields.setUint32(REQUEST.udiag_states, 1 << TCP_STATE.LISTEN, little);
  fields.setUint32(REQUEST.udiag_ino, number ?? 0, little);
  fields.setUint32(REQUEST.udiag_show, UDIAG_SHOW_VFS, little);
  fields.setBigUint64(REQUEST.udiag_cookie, cookie, little);
  return bytes;
}

/** Reads an answer, from `from` to `to`. @returns undefined for a socket that does not listen */
function readListening(from: number, to: number): Listening | undefined {
  if (from + REPLY.size > to || view.getUint8(from) !== AF_UNIX) return undefined;
  if (view.getUint8(from + REPLY.udiag_state) !== TCP_STATE.LISTEN) return undefined;
  const number = view.getUint32(from + REPLY.udiag_ino, little);
  const cookie = view.getBigUint64(from + REPLY.udiag_cookie, little);
  return { number, cookie, file: readFile(from + REPLY.size, to) };
}

/** The attribute UNIX_DIAG_VFS. A socket without a path has none. */
function readFile(from: number, to: number): string | undefined {
  for (let at = from; at + ATTRIBUTE.size <= to; ) {
    const length = view.getUint16(at, little);
    if (length < ATTRIBUTE.size || at + length > to) return undefined;
    const value = at + ATTRIBUTE.size;
    if (view.getUint16(at + ATTRIBUTE.nla_type, little) === UNIX_DIAG_VFS && value + VFS.size <= at + length)
      return fileName(view.getUint32(value + VFS.udiag_vfs_dev, little), view.getUint32(value, little));
    at += netlinkAlign(length);
  }
  return undefined;
}
