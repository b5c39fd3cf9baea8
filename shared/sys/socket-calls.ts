// The socket calls that several files of this folder use, each bound once.
import { bind, type NativeCall } from './libc.js';

/** socket(2) */
export const socket: NativeCall = bind('int socket(int domain, int type, int protocol)');
/** connect(2) */
export const connect: NativeCall = bind('int connect(int fd, const void *address, uint length)');
/** bind(2) */
export const bindSocket: NativeCall = bind('int bind(int fd, const void *address, uint length)');
/** getsockname(2) */
export const getsockname: NativeCall = bind('int getsockname(int fd, void *address, void *length)');
/** getsockopt(2) */
export const getsockopt: NativeCall = bind(
  'int getsockopt(int fd, int level, int name, void *value, void *length)',
);
/** setsockopt(2) */
export const setsockopt: NativeCall = bind(
  'int setsockopt(int fd, int level, int name, const void *value, uint length)',
);
/** sendto(2) */
export const sendto: NativeCall = bind(
  'long sendto(int fd, const void *data, size_t length, int flags, const void *address, uint addressLength)',
);
