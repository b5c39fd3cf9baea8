// Quotes foreign text in messages. The result is bounded, and has no character that a terminal or a log would obey.

/** The longest part of a value that is repeated. A name with its port fits. */
const MAX_QUOTED_CHARACTERS = 320;

/**
 * Quotes a value like a JSON string, in printable ASCII.
 *
 * @param text anything
 * @returns the text in double quotes, cut at 320 characters
 */
export function quote(text: string): string {
  if (isPlain(text)) return `"${text}"`;
  const bounded = text.length > MAX_QUOTED_CHARACTERS ? `${text.slice(0, MAX_QUOTED_CHARACTERS)}…` : text;
  return JSON.stringify(bounded).replace(/[^ -~…]/g, escapeUnit);
}

/** Whether {@link quote} only puts quotes around a text. */
export function isPlain(text: string): boolean {
  return text.length <= MAX_QUOTED_CHARACTERS && PLAIN.test(text);
}

/** Printable ASCII without a quote or a backslash, as nearly every host is. */
const PLAIN = /^[ !#-[\]-~]*$/;

function escapeUnit(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
