// The error of a system call that failed, with the names of the call and the errno. Runs in every process.
import { constants } from 'node:os';
import type { SystemCode } from '../error-codes.js';
import { PosternError } from '../errors.js';

const names = new Map<number, SystemCode>();
for (const [name, value] of Object.entries(constants.errno) as [SystemCode, number][]) {
  // Some numbers have two names, for example EAGAIN and EWOULDBLOCK. The first one counts.
  if (!names.has(value)) names.set(value, name);
}
names.set(109, 'ETOOMANYREFS').set(117, 'EUCLEAN').set(123, 'ENOMEDIUM').set(22, 'EINVAL');

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
