// Which AF_UNIX socket files were bound inside a sandbox, sock_diag(7). The path of a socket says nothing: it may be relative, from another
// root, or renamed since. The kernel knows the file itself. Runs in the broker, and in a thread of the supervisor.
import { randomBytes } from 'node:crypto';
import { fstatSync, statfsSync } from 'node:fs';
import { endianness } from 'node:os';
import { LAYOUT } from './layout.js';
import {
  NETLINK_HEADER,
  NETLINK_SOCK_DIAG,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  openNetlink,
  receiveNetlink,
  SOCK_DIAG_BY_FAMILY,
  sendNetlink,
} from './netlink.js';
import type { OwnedFd } from './owned-fd.js';
import { AF_UNIX } from './sockaddr.js';
import { TCP_STATE } from './socket-state.js';

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

/** What tells a sandbox's own sockets. */
export interface SandboxSockets {
  /** A NETLINK_SOCK_DIAG socket of the sandbox's network namespace. */
  readonly diag: number;
  /** stat(2)'s st_dev of each file system that is the sandbox's own: no socket of the host is there. */
  readonly scratch: readonly bigint[];
}

/** A socket that asks about the AF_UNIX sockets of this process's network namespace. */
export function openUnixDiag(): OwnedFd {
  return openNetlink(NETLINK_SOCK_DIAG, 'NETLINK_SOCK_DIAG');
}

/**
 * Whether a file is a socket that a process of the sandbox has bound and listens on, or that lies in a file system of the sandbox's own.
 * A file system whose inode numbers are longer than sock_diag(7) tells them gives no answer: then it is not.
 *
 * @param file a handle (O_PATH)
 */
export function isBoundInside(file: number, { diag, scratch }: SandboxSockets): boolean {
  const { dev, ino } = fstatSync(file, { bigint: true });
  if (scratch.includes(dev)) return true;
  return hasShortInodes(file) && listens(diag, kernelDevice(dev), Number(BigInt.asUintN(32, ino)));
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

/** Asks for every listening socket of the namespace: the kernel finds none by its file. */
function listens(diag: number, device: number, inode: number): boolean {
  const number = randomBytes(4).readUInt32LE();
  while (receiveNetlink(diag, received) >= 0);
  if (sendNetlink(diag, question(number)) < 0) return false;
  let found = false;
  for (;;) {
    const bytes = receiveNetlink(diag, received);
    if (bytes < HEADER.size) return found;
    for (let at = 0; at + HEADER.size <= bytes; ) {
      const length = view.getUint32(at, little);
      if (length < HEADER.size || at + length > bytes) return found;
      const type = view.getUint16(at + HEADER.nlmsg_type, little);
      const answers = view.getUint32(at + HEADER.nlmsg_seq, little) === number;
      if (answers && (type === NLMSG_DONE || type === NLMSG_ERROR)) return found;
      // The rest is read too: what stays would be taken for the next answer.
      if (answers && type === SOCK_DIAG_BY_FAMILY)
        found ||= isAt(at + HEADER.size, at + length, device, inode);
      at += align(length);
    }
  }
}

function question(number: number): Uint8Array {
  const bytes = new Uint8Array(HEADER.size + REQUEST.size);
  const fields = new DataView(bytes.buffer);
  fields.setUint32(0, bytes.length, little);
  fields.setUint16(HEADER.nlmsg_type, SOCK_DIAG_BY_FAMILY, little);
  fields.setUint16(HEADER.nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP, little);
  fields.setUint32(HEADER.nlmsg_seq, number, little);
  bytes[HEADER.size] = AF_UNIX;
  fields.setUint32(HEADER.size + REQUEST.udiag_states, 1 << TCP_STATE.LISTEN, little);
  fields.setUint32(HEADER.size + REQUEST.udiag_show, UDIAG_SHOW_VFS, little);
  return bytes;
}

/** Whether an answer, from `from` to `to`, has that file. */
function isAt(from: number, to: number, device: number, inode: number): boolean {
  for (let at = from + REPLY.size; at + ATTRIBUTE.size <= to; ) {
    const length = view.getUint16(at, little);
    if (length < ATTRIBUTE.size || at + length > to) return false;
    if (
      view.getUint16(at + ATTRIBUTE.nla_type, little) === UNIX_DIAG_VFS &&
      length >= ATTRIBUTE.size + VFS.size
    ) {
      const value = at + ATTRIBUTE.size;
      if (view.getUint32(value, little) !== inode) return false;
      return view.getUint32(value + VFS.udiag_vfs_dev, little) === device;
    }
    at += align(length);
  }
  return false;
}

/** NLMSG_ALIGN and NLA_ALIGN */
function align(length: number): number {
  return (length + 3) & ~3;
}
