// Finds the absolute paths in a script's text. It knows no shell grammar: it finds literal paths, and none that a variable or a
// pattern makes. Pure.

/** A path of two parts or more that does not begin inside a longer word or a URL. */
const PATH = /(?<=^|[\s"'`=:(<>|&;,[])((?:\/[\w.+@-]+){2,})(\/?)(.?)/gm;
const COMMENT = /(^|\s)#.*$/gm;
/** A character that makes the last part of a path incomplete: its name depends on a pattern or variable. */
const GOES_ON = /[*?[\]$`{}\\~%]/;
const MOST = 200;

/** @returns each path once, in the order of the text, at most 200 */
export function namedPaths(text: string): readonly string[] {
  const found = new Set<string>();
  for (const [, path = '', slash, next = ''] of text.replace(COMMENT, '$1').matchAll(PATH)) {
    const whole = slash === '' && GOES_ON.test(next) ? path.slice(0, path.lastIndexOf('/')) : path;
    if (whole.lastIndexOf('/') > 0) found.add(whole);
    if (found.size >= MOST) break;
  }
  return [...found];
}
