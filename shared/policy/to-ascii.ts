// The ASCII form of a rule with other letters in it, for a suggestion alone: a request is never converted.

/**
 * Converts the names of a rule (RFC 5891, as the URL standard does it).
 *
 * @param rule a rule, its wildcard and its port included
 * @returns the same in ASCII, or undefined where there is no such form
 */
export function toAscii(rule: string): string | undefined {
  const [, wildcard = '', name = '', port = ''] = /^(\*{1,2}\.)?([^:]*)((?::.*)?)$/s.exec(rule) ?? [];
  const url = `http://${name}/`;
  return URL.canParse(url) ? `${wildcard}${new URL(url).hostname}${port}` : undefined;
}
