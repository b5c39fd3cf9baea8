// The ASCII form of a rule with other letters. Only suggestions use it: a request is never converted.

/**
 * Converts the names of a rule (RFC 5891, as the URL standard does it).
 *
 * @param rule with its wildcard and its port
 * @returns the rule in ASCII, or undefined if there is no such form
 */
export function toAscii(rule: string): string | undefined {
  const [, wildcard = '', name = '', port = ''] = /^(\*{1,2}\.)?([^:]*)((?::.*)?)$/s.exec(rule) ?? [];
  const url = `http://${name}/`;
  return URL.canParse(url) ? `${wildcard}${new URL(url).hostname}${port}` : undefined;
}
