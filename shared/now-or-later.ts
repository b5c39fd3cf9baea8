// Goes on with a value that is there now, or later. A promise costs a microtask and its closures even where nothing waits, and most requests
// never wait. Pure.

/** A value, or the promise of one. */
export type NowOrLater<T> = T | Promise<T>;

/** @returns what `next` returns, now if the value is there now */
export function andThen<T, U>(value: NowOrLater<T>, next: (value: T) => NowOrLater<U>): NowOrLater<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** Does work and cleans up after it, however it ends. */
export function andFinally<T>(work: () => NowOrLater<T>, cleanUp: () => void): NowOrLater<T> {
  let result: NowOrLater<T>;
  try {
    result = work();
  } catch (error) {
    cleanUp();
    throw error;
  }
  if (result instanceof Promise) return result.finally(cleanUp);
  cleanUp();
  return result;
}
