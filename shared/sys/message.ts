// sendmsg(2) and recvmsg(2) on AF_UNIX sockets, with descriptors and credentials, unix(7) and cmsg(3).
// Runs in every process of postern. Trusts no message: lengths, truncation and types are checked.
import { constants } from 'node:os';
import koffi from 'koffi';
import { LAYOUT } from './layout.js';
import { bind } from './libc.js';
import { OwnedFd } from './owned-fd.js';
import { MSG_DONTWAIT, MSG_NOSIGNAL, MSG_PEEK, MSG_TRUNC, SOL_SOCKET } from './socket.js';

const SCM_RIGHTS = 1;
const SCM_CREDENTIALS = 2;
const EAGAIN = constants.errno.EAGAIN;
const MSG_CMSG_CLOEXEC = 0x40000000;
const MSG_CTRUNC = 0x8;
/** The kernel's SCM_MAX_FD. */
const MAX_DESCRIPTORS = 253;

const MSGHDR = LAYOUT['struct msghdr'];
const IOVEC = LAYOUT['struct iovec'];
const CMSGHDR = LAYOUT['struct cmsghdr'];
const UCRED = LAYOUT['struct ucred'];

const sendmsg = bind('long sendmsg(int fd, const void *message, int flags)');
const recvmsg = bind('long recvmsg(int fd, void *message, int flags)');

/** One msghdr. Its buffers have fixed addresses, so a call sets only the address of the payload. */
class Frame {
  readonly header: Uint8Array = new Uint8Array(MSGHDR.size);
  readonly control: Uint8Array;
  readonly #view: DataView = new DataView(this.header.buffer);
  readonly controlView: DataView;
  readonly #iov: Uint8Array = new Uint8Array(IOVEC.size);
  readonly #iovView: DataView = new DataView(this.#iov.buffer);
  readonly #controlAddress: bigint;
  #payload: Uint8Array | undefined;
  #name: Uint8Array | undefined;

  constructor(controlBytes: number) {
    this.control = new Uint8Array(controlBytes);
    this.controlView = new DataView(this.control.buffer);
    // SAFETY: the memory of an ArrayBuffer does not move, and this object keeps all three alive.
    this.#view.setBigUint64(MSGHDR.msg_iov, koffi.address(this.#iov), true);
    this.#view.setBigUint64(MSGHDR.msg_iovlen, 1n, true);
    this.#controlAddress = koffi.address(this.control);
  }

  /**
   * SAFETY: this object keeps the payload alive until the next one replaces it.
   *
   * @param length how many bytes of the payload count. A shorter view of it would be another object, whose address must be found anew
   */
  set(payload: Uint8Array, controlLength: number, length: number = payload.length): void {
    if (payload !== this.#payload) {
      this.#payload = payload;
      this.#iovView.setBigUint64(0, payload.length === 0 ? 0n : koffi.address(payload), true);
    }
    this.#iovView.setBigUint64(IOVEC.iov_len, BigInt(length), true);
    this.#view.setBigUint64(MSGHDR.msg_control, controlLength === 0 ? 0n : this.#controlAddress, true);
    this.#view.setBigUint64(MSGHDR.msg_controllen, BigInt(controlLength), true);
    this.#view.setInt32(MSGHDR.msg_flags, 0, true);
  }

  /** The kernel writes the sender's address into `name`. SAFETY: this object keeps `name` alive. */
  nameInto(name: Uint8Array): void {
    if (name !== this.#name) {
      this.#name = name;
      this.#view.setBigUint64(0, koffi.address(name), true);
    }
    this.#view.setUint32(MSGHDR.msg_namelen, name.length, true);
  }

  /** The length of the sender's address. It is 0 if the sender has no name, or if there was no message. */
  get nameLength(): number {
    return this.#view.getUint32(MSGHDR.msg_namelen, true);
  }

  get controlLength(): number {
    return Number(this.#view.getBigUint64(MSGHDR.msg_controllen, true));
  }

  get flags(): number {
    return this.#view.getInt32(MSGHDR.msg_flags, true);
  }
}

const align = (length: number): number => (length + 7) & ~7;
const outgoing = new Frame(align(CMSGHDR.size + 4 * MAX_DESCRIPTORS));

/**
 * Sends one message with descriptors. They stay open here.
 *
 * @param fd an AF_UNIX socket
 * @param payload at least one byte
 * @param descriptors at most MAX_DESCRIPTORS open numbers
 * @param wait false: returns EAGAIN if the socket's buffer is full, also for a socket without O_NONBLOCK
 * @returns bytes sent, or minus errno: EAGAIN, EPIPE (no SIGPIPE), ETOOMANYREFS, …
 */
export function sendMessage(
  fd: number,
  payload: Uint8Array,
  descriptors: readonly number[] = [],
  wait = false,
): number {
  if (descriptors.length > MAX_DESCRIPTORS)
    throw new RangeError(`At most ${MAX_DESCRIPTORS} descriptors a message`);
  let controlLength = 0;
  if (descriptors.length > 0) {
    const length = CMSGHDR.size + 4 * descriptors.length;
    controlLength = align(length);
    outgoing.controlView.setBigUint64(0, BigInt(length), true);
    outgoing.controlView.setInt32(CMSGHDR.cmsg_level, SOL_SOCKET, true);
    outgoing.controlView.setInt32(CMSGHDR.cmsg_type, SCM_RIGHTS, true);
    for (const [index, descriptor] of descriptors.entries()) {
      outgoing.controlView.setInt32(CMSGHDR.size + 4 * index, descriptor, true);
    }
  }
  outgoing.set(payload, controlLength);
  return sendmsg(fd, outgoing.header, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
}

interface Credentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** A message that was received. `payload` is a copy. The caller of the function owns the descriptors. They are close-on-exec. */
export interface Message {
  readonly payload: Uint8Array;
  readonly descriptors: readonly OwnedFd[];
  readonly credentials: Credentials | undefined;
  /** A part is missing: the payload or the descriptors had no room. */
  readonly truncated: boolean;
}

const incoming = new Frame(align(CMSGHDR.size + 4 * MAX_DESCRIPTORS) + 32);
const incomingPayload = new Uint8Array(256 * 1024);

/**
 * Receives one message.
 *
 * @param fd an AF_UNIX socket
 * @param limit the most bytes to take. A longer message is marked truncated
 * @param wait false: EAGAIN if there is no message
 * @returns the message, or minus errno. An empty payload without anything else means the end
 */
export function receiveMessage(
  fd: number,
  limit: number = incomingPayload.length,
  wait = false,
): Message | number {
  incoming.set(incomingPayload, incoming.control.length, Math.min(limit, incomingPayload.length));
  const length = recvmsg(fd, incoming.header, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
  if (length < 0) return length;
  const descriptors: OwnedFd[] = [];
  let credentials: Credentials | undefined;
  const view = incoming.controlView;
  const end = incoming.controlLength;
  let at = 0;
  while (at + CMSGHDR.size <= end) {
    const size = Number(view.getBigUint64(at, true));
    if (size < CMSGHDR.size || at + size > end) break;
    const level = view.getInt32(at + CMSGHDR.cmsg_level, true);
    const type = view.getInt32(at + CMSGHDR.cmsg_type, true);
    const data = at + CMSGHDR.size;
    if (level === SOL_SOCKET && type === SCM_RIGHTS) {
      for (let offset = data; offset + 4 <= at + size; offset += 4) {
        descriptors.push(new OwnedFd(view.getInt32(offset, true)));
      }
    } else if (level === SOL_SOCKET && type === SCM_CREDENTIALS && size >= CMSGHDR.size + UCRED.size) {
      credentials = {
        pid: view.getInt32(data, true),
        uid: view.getUint32(data + UCRED.uid, true),
        gid: view.getUint32(data + UCRED.gid, true),
      };
    }
    at += align(size);
  }
  const truncated = (incoming.flags & (MSG_TRUNC | MSG_CTRUNC)) !== 0;
  return { payload: incomingPayload.slice(0, Math.min(length, limit)), descriptors, credentials, truncated };
}

const glanceByte = new Uint8Array(1);

/** Who sent a message. */
export interface Sender {
  readonly pid: number;
  readonly hasDescriptors: boolean;
}

// Room for the credentials, which come first, and for no descriptor.
const heading = new Frame(align(CMSGHDR.size + UCRED.size));

/**
 * Looks at who sent the first message of an AF_UNIX socket with SO_PASSCRED, and leaves the message there. Never waits, and gets no descriptor.
 *
 * @returns undefined at the end, and if there is no message
 */
export function peekSender(fd: number): Sender | undefined {
  heading.set(glanceByte, heading.control.length);
  const length = recvmsg(fd, heading.header, MSG_PEEK | MSG_DONTWAIT);
  if (length < 0 || heading.controlLength < CMSGHDR.size + UCRED.size) return undefined;
  const pid = heading.controlView.getInt32(CMSGHDR.size, true);
  return { pid, hasDescriptors: (heading.flags & MSG_CTRUNC) !== 0 };
}

const glance = new Frame(0);
const glanceName = new Uint8Array(LAYOUT['struct sockaddr_un'].size);

/** What a socket has to read: nothing yet, the end, a message, or a message with descriptors. */
export type Unreceived = 'nothing' | 'end' | 'message' | 'descriptors';

/**
 * Looks at the first message of an AF_UNIX packet socket, and leaves it there. Never waits, and gets no descriptor.
 *
 * - The call has no room for control data. So the kernel only reports descriptors, by MSG_CTRUNC (recvmsg(2)).
 * - An empty message and the end differ only by the sender's address. So the other socket must have a name.
 *
 * @returns `end` if no further message can come
 */
export function lookAtMessage(fd: number): Unreceived {
  let found = glanceAt(fd);
  // If the peer has closed, the kernel may return ECONNRESET first, and only once. Messages can still wait behind it. So look twice.
  if (found === 'error' || found === 'end') found = glanceAt(fd);
  return found === 'error' ? 'end' : found;
}

function glanceAt(fd: number): Unreceived | 'error' {
  glance.set(glanceByte, 0);
  glance.nameInto(glanceName);
  const length = recvmsg(
    fd,
    glance.header,
    /* protects: G8 what is sent to the reply socket is not received */ MSG_PEEK | MSG_DONTWAIT,
  );
  if (length < 0) return length === -EAGAIN ? 'nothing' : 'error';
  if ((glance.flags & MSG_CTRUNC) !== 0) return 'descriptors';
  return length > 0 || /* protects: G8 a packet without a byte is no end */ glance.nameLength > 0
    ? 'message'
    : 'end';
}
