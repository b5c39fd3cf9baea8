// seccomp_unotify(2): takes calls that a filter reports, and answers them. Runs in the broker.
// NOTIF_RECV ignores O_NONBLOCK: one process alone ever calls it on a listener, and only when the listener is readable.
import { O_CLOEXEC } from './file-constants.js';
import { LAYOUT } from './layout.js';
import { bind } from './libc.js';

const NOTIF = LAYOUT['struct seccomp_notif'];
const RESP = LAYOUT['struct seccomp_notif_resp'];
const ADDFD = LAYOUT['struct seccomp_notif_addfd'];
const SECCOMP_IOCTL_NOTIF_RECV = 0xc0502100;
const SECCOMP_IOCTL_NOTIF_SEND = 0xc0182101;
const SECCOMP_IOCTL_NOTIF_ID_VALID = 0x40082102;
const SECCOMP_IOCTL_NOTIF_ADDFD = 0x40182103;
const SECCOMP_IOCTL_NOTIF_SET_FLAGS = 0x40082104;
const SECCOMP_USER_NOTIF_FLAG_CONTINUE = 1;
const SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP = 1n;
const SECCOMP_ADDFD_FLAG_SETFD = 1;

const ioctl = bind('int ioctl(int fd, ulong request, void *argument)');
const ioctlLong = bind('int ioctl(int fd, ulong request, ulong argument)');

/** Bytes of a slot that receives one call. */
export const NOTIFICATION_BYTES: number = NOTIF.size;

/** A reported call, as read from its slot. */
export interface Notification {
  readonly id: bigint;
  /** The thread's id as the host sees it. */
  readonly tid: number;
  /** Number of the system call. */
  readonly call: number;
  /** The first three arguments' low 32 bits as the kernel reads an int. */
  readonly ints: readonly [number, number, number];
  /** The second argument as an address in the caller's memory. */
  readonly address: bigint;
}

/**
 * Takes one call. Blocks where none is there: ask for readability first.
 *
 * @param slot NOTIFICATION_BYTES of zeros, as the kernel demands
 * @returns 0, or minus errno: ENOENT where the call was withdrawn meanwhile
 */
export function receiveNotification(listener: number, slot: Uint8Array): number {
  return ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, slot);
}

export function readNotification(slot: Uint8Array): Notification {
  const view = new DataView(slot.buffer, slot.byteOffset, slot.length);
  const argument = (index: number): number => view.getInt32(NOTIF['data.args'] + 8 * index, true);
  return {
    id: view.getBigUint64(0, true),
    tid: view.getUint32(NOTIF.pid, true),
    call: view.getInt32(NOTIF['data.nr'], true),
    ints: [argument(0), argument(1), argument(2)],
    address: view.getBigUint64(NOTIF['data.args'] + 8, true),
  };
}

const response = new DataView(new ArrayBuffer(RESP.size));
const responseBytes = new Uint8Array(response.buffer);

/**
 * Ends a call.
 *
 * @param result what it returns: 0, or minus errno
 * @returns 0, or minus errno: ENOENT where its caller is gone
 */
export function answerNotification(listener: number, id: bigint, result: number): number {
  return respond(listener, id, result, 0);
}

/** Lets the kernel execute the call as it stands then, whatever its caller's memory and descriptors have become. */
export function continueNotification(listener: number, id: bigint): number {
  return respond(listener, id, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

function respond(listener: number, id: bigint, error: number, flags: number): number {
  response.setBigUint64(0, id, true);
  response.setBigInt64(RESP.val, 0n, true);
  response.setInt32(RESP.error, error, true);
  response.setUint32(RESP.flags, flags, true);
  return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, responseBytes);
}

const idValue = new BigUint64Array(1);
const idBytes = new Uint8Array(idValue.buffer);

/** Whether the call still waits: what was read of its caller by pid before was of that caller. */
export function isValid(listener: number, id: bigint): boolean {
  idValue[0] = id;
  return ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, idBytes) === 0;
}

const addition = new DataView(new ArrayBuffer(ADDFD.size));
const additionBytes = new Uint8Array(addition.buffer);

/**
 * Puts a duplicate of `source` in the place of the caller's descriptor `target`.
 *
 * @returns `target`, or minus errno: ENOENT where the caller is gone, EMFILE, …
 */
export function replaceDescriptor(
  listener: number,
  id: bigint,
  source: number,
  target: number,
  closeOnExec: boolean,
): number {
  addition.setBigUint64(0, id, true);
  addition.setUint32(ADDFD.flags, SECCOMP_ADDFD_FLAG_SETFD, true);
  addition.setUint32(ADDFD.srcfd, source, true);
  addition.setUint32(ADDFD.newfd, target, true);
  addition.setUint32(ADDFD.newfd_flags, closeOnExec ? O_CLOEXEC : 0, true);
  return ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, additionBytes);
}

/** Wakes caller and broker on the processor where the other runs; a kernel before 6.6 has no such way. */
export function wakeSynchronously(listener: number): void {
  ioctlLong(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
}
