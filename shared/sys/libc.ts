// Binds C functions of the libc of this process. Runs in every process of postern. Trusts the argument types of its callers.
import { constants } from 'node:os';
import koffi from 'koffi';

/** An argument of a bound call: an int, a pointer or size (bigint), a buffer that outlives the call, a string, a string array. */
export type Native = number | bigint | string | Uint8Array | null | readonly (string | null)[];

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
export function bindOnce(declaration: string): NativeCall {
  const call = process_.func(declaration);
  return (...args: Native[]): number => {
    const result = Number(call(...args));
    if (result !== -1) return result;
    return -koffi.errno();
  };
}
