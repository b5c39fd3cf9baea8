// The shapes of messages: each reads a foreign value into an owned one of its type. Pure. Who receives a message from a process that may have been taken
// over reads it by a shape: an object has the fields of the shape and no others, texts and lists have a bound, and a value of another form is none.

/** What a shape gives for a value of another form. */
export const NONE: unique symbol = Symbol('none');

/** Reads a value. It never throws for values that JSON.parse() returns. */
export type Shape<T> = (value: unknown) => T | typeof NONE;

/** @param accepts whether a value is one */
function shape<T>(accepts: (value: unknown) => value is T): Shape<T> {
  return (value) => (accepts(value) ? value : NONE);
}

/** Any finite number: JSON.parse() reads 1e999 as Infinity. */
// protects: G16 link: a number is finite => export const number: Shape<number> = shape((value): value is number => typeof value === 'number');
export const number: Shape<number> = shape((value): value is number => Number.isFinite(value));
/** A whole number from 0 on, at most `most`. */
export const count = (most: number = Number.MAX_SAFE_INTEGER): Shape<number> =>
  shape(
    (value): value is number =>
      typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= most,
  );
export const yesOrNo: Shape<boolean> = shape((value) => typeof value === 'boolean');
/** @param most how many characters it may have */
export const text = (most: number = Number.POSITIVE_INFINITY): Shape<string> =>
  shape((value): value is string => typeof value === 'string' && value.length <= most);
export const word = <W extends string>(words: readonly W[]): Shape<W> =>
  shape((value): value is W => words.some((one) => one === value));

export const orNull =
  <T>(of: Shape<T>): Shape<T | null> =>
  (value) =>
    value === null ? null : of(value);

/** Of a field that may be missing. A value of another form counts as missing. */
export const orMissing =
  <T>(of: Shape<T>): Shape<T | undefined> =>
  (value) => {
    const read = of(value);
    return read === NONE ? undefined : read;
  };

/** @param most how many elements it may have */
export const list =
  <T>(of: Shape<T>, most: number = Number.POSITIVE_INFINITY): Shape<readonly T[]> =>
  (value) => {
    if (!Array.isArray(value) || value.length > most) return NONE;
    const read: T[] = [];
    for (const one of value) {
      const element = of(one);
      if (element === NONE) return NONE;
      read.push(element);
    }
    return read;
  };

export type Fields<T> = { readonly [Name in keyof T]-?: Shape<T[Name]> };

/** An object with these fields. */
export const fields =
  <T>(of: Fields<T>): Shape<T> =>
  (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return NONE;
    const read: Partial<T> = {};
    for (const name in of) {
      const field = of[name]((value as { readonly [Name in keyof T]?: unknown })[name]);
      if (field === NONE) return NONE;
      read[name] = field;
    }
    // Each field of T has been read.
    return read as T;
  };

/** A shape whose values are looked at, or changed, once more. */
export const refined =
  <A, B>(of: Shape<A>, refine: (value: A) => B | typeof NONE): Shape<B> =>
  (value) => {
    const read = of(value);
    return read === NONE ? NONE : refine(read);
  };

/** @param json of any length. @returns the value of a text that is no JSON: NONE */
export function parsed<T>(json: string, of: Shape<T>): T | typeof NONE {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return NONE;
  }
  return of(value);
}
