// A text as a double-quoted scalar of YAML, for rules and paths that a message suggests or a file gets. Pure. The text may be a plugin's.
import { printable } from './printable.js';

/** @returns one line. It is JSON too, and has no character that a terminal would obey */
export function yamlText(text: string): string {
  // protects: G13 a plugin writes no further rule into a list to paste => return '"' + text + '"';
  return printable(JSON.stringify(text));
}
