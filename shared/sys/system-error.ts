// What a failed system call becomes: an error with the call's and errno's names. Runs everywhere.
import { constants } from 'node:os';
import { PosternError } from '../errors.js';

const names = new Map<number, string>();
for (const [name, value] of Object.entries(constants.errno)) {
  // EWOULDBLOCK and EOPNOTSUPP are second names; the first one listed for a number stands.
  if (!names.has(value)) names.set(value, name);
}
names.set(109, 'ETOOMANYREFS').set(117, 'EUCLEAN').set(123, 'ENOMEDIUM').set(22, 'EINVAL');

/** The name of an errno, as `ECONNREFUSED`, or `errno 999` for one that has none. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`;
}

/** A system call that failed. `code` is errno's name, `errno` its (positive) number. */
export class SystemError extends PosternError {
  override readonly name: string = 'SystemError';
  readonly errno: number;
  readonly syscall: string;

  /**
   * @param syscall the call's name, as in its man page
   * @param errno its positive errno
   * @param subject what it was done to: a path, an address
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

/** Passes a result of libc.ts through, or throws the SystemError that a negative one stands for. */
export function succeed(result: number, syscall: string, subject?: string): number {
  if (result < 0) throw new SystemError(syscall, -result, subject);
  return result;
}
