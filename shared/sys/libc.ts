// Binds C functions of the libc of this process, holds those that several files use, and turns errno into an error. Runs in every process of
// postern. Trusts the argument types of its callers.

import { constants } from 'node:os';
import koffi from 'koffi';
import { PosternError, type SystemCode } from '../errors.js';

// Binds C functions of the libc of this process. Runs in every process of postern. Trusts the argument types of its callers.

/** An argument of a bound call: an int, a pointer or size (bigint), a buffer that outlives the call, a string, a string array. */
type Native = number | bigint | string | Uint8Array | null | readonly (string | null)[];

/** A bound call. It returns the result of the function, or minus errno if the function returned -1. */
export type NativeCall = (...args: Native[]) => number;

const process_ = koffi.load(null);
const EINTR = constants.errno.EINTR;

/**
 * Binds a function by its C declaration. The function must report a failure by -1 and errno.
 *
 * EINTR is retried here and nowhere else. errno is read on the line after the call, before anything can change it.
 *
 * SAFETY: buffers are lent for the length of the call. The C side must keep no pointer to them.
 *
 * @param declaration a C prototype in koffi's syntax, with `long` for ssize_t and off_t
 * @returns a function that returns the result, or minus errno (errno(3))
 */
export function bind(declaration: string): NativeCall {
  const call = process_.func(declaration);
  return (...args: Native[]): number => {
    for (;;) {
      const result = Number(call(...args));
      if (result !== -1) return result;
      const errno = koffi.errno();
      if (errno !== EINTR) return -errno;
    }
  };
}

/** Like {@link bind}, but without a retry after EINTR: for close(2), which has closed the descriptor then. */
function bindOnce(declaration: string): NativeCall {
  const call = process_.func(declaration);
  return (...args: Native[]): number => {
    const result = Number(call(...args));
    if (result !== -1) return result;
    return -koffi.errno();
  };
}

// The calls that several files of this folder use, each bound once. Those of sockets are in socket.ts.

/** close(2) */
export const close: NativeCall = bindOnce('int close(int fd)');
/** ioctl(2). An argument that is no pointer is a bigint */
export const ioctl: NativeCall = bind('int ioctl(int fd, ulong request, void *argument)');
/** prctl(2) */
export const prctl: NativeCall = bind('int prctl(int option, ulong a, ulong b, ulong c, ulong d)');
/** read(2) */
export const read: NativeCall = bind('long read(int fd, void *buffer, size_t length)');

// The error of a system call that failed, with the names of the call and the errno. Runs in every process.

const names = new Map<number, SystemCode>();
for (const [name, value] of Object.entries(constants.errno) as [SystemCode, number][]) {
  // Some numbers have two names, for example EAGAIN and EWOULDBLOCK. The first one counts.
  if (!names.has(value)) names.set(value, name);
}
// Of 95, the manual pages name this one.
names
  .set(95, 'EOPNOTSUPP')
  .set(109, 'ETOOMANYREFS')
  .set(117, 'EUCLEAN')
  .set(123, 'ENOMEDIUM')
  .set(22, 'EINVAL');

/** The name of an errno, for example `ECONNREFUSED`, or `errno 999` for a number without a name. */
export function errnoName(errno: number): SystemCode {
  return names.get(errno) ?? `errno ${errno}`;
}

/** The number of an errno's name; EIO for a name that is none. */
export function errnoNumber(name: string): number {
  const numbers: Readonly<Record<string, number>> = constants.errno;
  return numbers[name] ?? constants.errno.EIO;
}

/** A system call that failed. `code` is the name of the errno, `errno` its positive number. */
export class SystemError extends PosternError {
  override readonly name: string = 'SystemError';
  readonly errno: number;
  readonly syscall: string;

  /**
   * @param syscall the call's name, as in its man page
   * @param errno its positive errno
   * @param subject what the call was for: a path, an address
   */
  constructor(syscall: string, errno: number, subject?: string, fix?: string) {
    const code = errnoName(errno);
    super(code, `${syscall}${subject === undefined ? '' : ` "${subject}"`}: ${code}`, {
      fix,
      fields: { syscall, errno },
    });
    this.errno = errno;
    this.syscall = syscall;
  }
}

/** Returns the result of a call of libc.ts, or throws a SystemError if it is negative. */
export function succeed(result: number, syscall: string, subject?: string): number {
  if (result < 0) throw new SystemError(syscall, -result, subject);
  return result;
}
