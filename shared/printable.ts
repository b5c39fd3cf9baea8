// Foreign text for a terminal. Letters of every language stay; a character that a terminal would obey becomes its escape sequence.

/** Control characters, characters of direction or without width, lone surrogates, and separators that some read as a new line. */
const ACTS = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Whether a text has a character that a terminal would obey, or that has no width. */
export function actsOnTerminal(text: string): boolean {
  return text.search(ACTS) >= 0;
}

/** @returns always one line: a new line in the text becomes `\u000a` */
export function printable(text: string): string {
  return text.replace(
    /* protects: G13 what a broker writes is shown without what a terminal acts on => /^$^/g */ ACTS,
    (character) => {
      const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index));
      return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
    },
  );
}

// A text as a double-quoted scalar of YAML, for rules and paths that a message suggests or a file gets. Pure. The text may be a plugin's.

/** @returns one line. It is JSON too, and has no character that a terminal would obey */
export function yamlText(text: string): string {
  // protects: G13 a plugin writes no further rule into a list to paste => return '"' + text + '"';
  return printable(JSON.stringify(text));
}
