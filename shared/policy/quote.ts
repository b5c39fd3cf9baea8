// Foreign text in messages: bounded, and without a character that a terminal or a log would act on.

/** How much of a value is repeated: a name and its port fit. */
const MAX_QUOTED_CHARACTERS = 320;

/**
 * Quotes a value as a JSON string does, in printable ASCII alone.
 *
 * @param text anything
 * @returns the text in double quotes, cut at 320 characters
 */
export function quote(text: string): string {
  if (text.length <= MAX_QUOTED_CHARACTERS && PLAIN.test(text)) return `"${text}"`;
  const bounded = text.length > MAX_QUOTED_CHARACTERS ? `${text.slice(0, MAX_QUOTED_CHARACTERS)}…` : text;
  return JSON.stringify(bounded).replace(/[^ -~…]/g, escapeUnit);
}

/** Printable ASCII without a quote or a backslash: nearly every host. */
const PLAIN = /^[ !#-[\]-~]*$/;

function escapeUnit(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
