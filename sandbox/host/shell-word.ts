// Quotes a path for a shell, in commands and options that a message suggests. Pure.

/** @returns the text as it is where it holds no special character */
export function shellWord(text: string): string {
  return /^[\w./@:+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
