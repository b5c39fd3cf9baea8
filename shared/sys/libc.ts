// Binds C functions of the process's own libc. Runs in every process of postern; trusts its callers' argument types.
import { constants } from 'node:os';
import koffi from 'koffi';

/** What a bound call takes: an int, a pointer or size (bigint), a buffer that outlives the call, a string, a string array. */
export type Native = number | bigint | string | Uint8Array | null | readonly (string | null)[];

/** A bound call: the function's result, or minus errno where the function answered -1. */
export type NativeCall = (...args: Native[]) => number;

const process_ = koffi.load(null);
const EINTR = constants.errno.EINTR;

/**
 * Binds a function whose failure is -1 with errno, by its C declaration.
 *
 * EINTR is retried here and nowhere else. errno is read on the line after the call, before anything can change it.
 *
 * SAFETY: buffers are lent for the length of the call only; the C side must keep no pointer to them.
 *
 * @param declaration a C prototype in koffi's syntax, with `long` for ssize_t and off_t
 * @returns a function that answers the result, or minus errno (see errno(3))
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

/** As {@link bind}, but EINTR is an answer like any other: for close(2), whose descriptor is gone all the same. */
export function bindOnce(declaration: string): NativeCall {
  const call = process_.func(declaration);
  return (...args: Native[]): number => {
    const result = Number(call(...args));
    if (result !== -1) return result;
    return -koffi.errno();
  };
}
