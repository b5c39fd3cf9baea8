// Foreign text for a terminal: letters of any language stay, what a terminal would act on is spelt out.

/** Controls, characters of direction and no width, halves of pairs, and the separators that some take for a new line. */
const ACTS = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** @returns one line, whatever the text holds: a new line is `\u000a` */
export function printable(text: string): string {
  return text.replace(ACTS, (character) => {
    const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
  });
}
