// seccomp_unotify(2): receives calls that a filter reports, and answers them. Runs in the broker. NOTIF_RECV ignores O_NONBLOCK: only one
// process may call it on a listener, and only when the listener is readable.
import { O_CLOEXEC } from './fcntl.js';
import { LAYOUT } from './layout.js';
import { ioctl } from './libc.js';

const NOTIF = LAYOUT['struct seccomp_notif'];
const RESP = LAYOUT['struct seccomp_notif_resp'];
const ADDFD = LAYOUT['struct seccomp_notif_addfd'];
const SECCOMP_IOCTL_NOTIF_RECV = 0xc0502100;
const SECCOMP_IOCTL_NOTIF_SEND = 0xc0182101;
const SECCOMP_IOCTL_NOTIF_ID_VALID = 0x40082102;
const SECCOMP_IOCTL_NOTIF_ADDFD = 0x40182103;
const SECCOMP_IOCTL_NOTIF_SET_FLAGS = 0x40082104;
/** All requests of a listener. */
export const NOTIFY_REQUESTS: readonly number[] = [
  SECCOMP_IOCTL_NOTIF_RECV,
  SECCOMP_IOCTL_NOTIF_SEND,
  SECCOMP_IOCTL_NOTIF_ID_VALID,
  SECCOMP_IOCTL_NOTIF_ADDFD,
  SECCOMP_IOCTL_NOTIF_SET_FLAGS,
];
const SECCOMP_USER_NOTIF_FLAG_CONTINUE = 1;
const SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP = 1n;
const SECCOMP_ADDFD_FLAG_SETFD = 1;
const SECCOMP_ADDFD_FLAG_SEND = 2;

/** The size of a slot that receives one call. */
export const NOTIFICATION_BYTES: number = NOTIF.size;

/** A reported call, read from its slot. */
export interface Notification {
  readonly id: bigint;
  /** The id of the thread on the host. */
  readonly tid: number;
  /** The number of the system call. */
  readonly call: number;
  /** The low 32 bits of the first three arguments, as the kernel reads an int. */
  readonly ints: readonly [number, number, number];
  /** The first argument, as an address in the caller's memory. */
  readonly first: bigint;
  /** The second argument, as an address in the caller's memory. */
  readonly address: bigint;
  /** The third argument, as an address in the caller's memory. */
  readonly third: bigint;
  /** The fourth argument, as an address in the caller's memory, and the fifth, as an int. */
  readonly option: { readonly address: bigint; readonly length: number };
}

/**
 * Receives one call. Blocks if there is none: check that the listener is readable first.
 *
 * @param slot NOTIFICATION_BYTES of zeros, as the kernel requires
 * @returns 0, or minus errno: ENOENT if the call was withdrawn meanwhile
 */
export function receiveNotification(listener: number, slot: Uint8Array): number {
  return ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, slot);
}

/** The word of the slot that the kernel leaves at 0, seccomp_unotify(2). A broker marks there calls that it has done nothing for. */
export function markNotification(slot: Uint8Array, marked: boolean): void {
  new DataView(slot.buffer, slot.byteOffset, slot.length).setUint32(NOTIF.flags, marked ? 1 : 0, true);
}

export function isMarked(slot: Uint8Array): boolean {
  return new DataView(slot.buffer, slot.byteOffset, slot.length).getUint32(NOTIF.flags, true) === 1;
}

export function readNotification(slot: Uint8Array): Notification {
  const view = new DataView(slot.buffer, slot.byteOffset, slot.length);
  const argument = (index: number): number => view.getInt32(NOTIF['data.args'] + 8 * index, true);
  return {
    id: view.getBigUint64(0, true),
    tid: view.getUint32(NOTIF.pid, true),
    call: view.getInt32(NOTIF['data.nr'], true),
    ints: [argument(0), argument(1), argument(2)],
    first: view.getBigUint64(NOTIF['data.args'], true),
    address: view.getBigUint64(NOTIF['data.args'] + 8, true),
    third: view.getBigUint64(NOTIF['data.args'] + 16, true),
    option: { address: view.getBigUint64(NOTIF['data.args'] + 24, true), length: argument(4) },
  };
}

const response = new DataView(new ArrayBuffer(RESP.size));
const responseBytes = new Uint8Array(response.buffer);

/**
 * Ends a call.
 *
 * @param result of the call: 0, or minus errno
 * @returns 0, or minus errno: ENOENT if the caller is gone
 */
export function answerNotification(listener: number, id: bigint, result: number): number {
  return respond(listener, id, result, 0);
}

/** Lets the kernel execute the call. The memory and the descriptors of the caller may have changed since the call was read. */
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

/** Whether the call still waits. If so, everything read by the caller's pid so far is about that caller. */
export function isValid(listener: number, id: bigint): boolean {
  idValue[0] = id;
  return ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, idBytes) === 0;
}

const addition = new DataView(new ArrayBuffer(ADDFD.size));
const additionBytes = new Uint8Array(addition.buffer);

/**
 * Replaces the caller's descriptor `target` by a duplicate of `source`.
 *
 * @returns `target`, or minus errno: ENOENT if the caller is gone, EMFILE, …
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

/**
 * Gives the caller a duplicate of `source`, at a number that is free.
 *
 * @param ends whether the number is also the result of the call, which ends it
 * @returns the number, or minus errno: ENOENT if the caller is gone, EMFILE, … The call has not ended then
 */
export function addDescriptor(
  listener: number,
  id: bigint,
  source: number,
  closeOnExec: boolean,
  ends: boolean,
): number {
  addition.setBigUint64(0, id, true);
  addition.setUint32(ADDFD.flags, ends ? SECCOMP_ADDFD_FLAG_SEND : 0, true);
  addition.setUint32(ADDFD.srcfd, source, true);
  addition.setUint32(ADDFD.newfd, 0, true);
  addition.setUint32(ADDFD.newfd_flags, closeOnExec ? O_CLOEXEC : 0, true);
  return ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, additionBytes);
}

/** Makes the kernel wake caller and broker on the same processor. A kernel before 6.6 cannot do that. */
export function wakeSynchronously(listener: number): void {
  ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
}
