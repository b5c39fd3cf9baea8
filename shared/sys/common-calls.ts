// The calls that several files of this folder use, each bound once. Those of sockets are in socket-calls.ts.
import { bind, bindOnce, type NativeCall } from './libc.js';

/** close(2) */
export const close: NativeCall = bindOnce('int close(int fd)');
/** ioctl(2). An argument that is no pointer is a bigint */
export const ioctl: NativeCall = bind('int ioctl(int fd, ulong request, void *argument)');
/** prctl(2) */
export const prctl: NativeCall = bind('int prctl(int option, ulong a, ulong b, ulong c, ulong d)');
/** read(2) */
export const read: NativeCall = bind('long read(int fd, void *buffer, size_t length)');
