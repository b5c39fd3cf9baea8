// The absolute paths in a script's text. It knows no shell grammar: it finds what is written out, and nothing that a variable
// or a pattern makes. Pure.

/** Two parts at least; what stands before it is no part of a longer word or of a URL. */
const PATH = /(?<=^|[\s"'`=:(<>|&;,[])((?:\/[\w.+@-]+){2,})(\/?)(.?)/gm;
const COMMENT = /(^|\s)#.*$/gm;
/** What makes the last part only the beginning of a name. */
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
