// A path as a shell takes it, for commands and options that a message names. Pure.

/** @returns the text itself where nothing in it is special */
export function shellWord(text: string): string {
  return /^[\w./@:+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
