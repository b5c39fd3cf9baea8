// Quotes a text for a shell, in commands and options that a message suggests. Pure. The text may be a plugin's: no part of it becomes shell
// code when a person pastes it.
import { actsOnTerminal } from '../../shared/printable.js';

/** @returns the text as it is where it holds no special character, else quoted */
export function shellWord(text: string): string {
  return /^[\w./@:+,=-]+$/.test(text) ? text : shellQuoted(text);
}

/** Quotes also a text without special characters, so that a person sees where it begins and ends. */
export function shellQuoted(text: string): string {
  if (!actsOnTerminal(text))
    return `'${/* protects: G13 a plugin writes no shell code into an option to paste => text */ text.replaceAll("'", "'\\''")}'`;
  // A terminal would obey such a character, and an escape of it for display is another text. A shell that does not know $'' (dash) takes
  // its inside as quoted text, which is no code either.
  const bytes = [...Buffer.from(text)].map((byte) =>
    byte >= 0x20 && byte <= 0x7e && byte !== 0x27 && byte !== 0x5c
      ? String.fromCharCode(byte)
      : `\\${byte.toString(8).padStart(3, '0')}`,
  );
  return `$'${bytes.join('')}'`;
}
