// Reads the host of a request, before anything is canonicalised. Trusts nothing: the text is from a plugin. No URL parser and no
// getaddrinfo(3) reads it, so there is only one reading of it.
import { domainToASCII } from 'node:url';
import { type Address, parseAddress } from './address.js';

/** A host: an address, or a name in lower case without its final dot. */
export type Host = { kind: 'name'; name: string } | { kind: 'address'; address: Address };

/** RFC 1035 section 2.3.4 without the length octets: the longest text of a name, without a final dot. */
const MAX_NAME_CHARACTERS = 253;
const LABEL = '[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?';
const NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
/** "Ends in a number" in the URL standard: a resolver may read such a name as an address. */
const NUMERIC_LABEL = /(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$/;

/**
 * Reads a host: a strict dotted quad, an IPv6 literal with or without brackets, or an ASCII name (RFC 1123 section
 * 2.1, and `_`).
 *
 * @param text from the plugin
 * @returns the host, or undefined for anything else: a zone, a port, white space, brackets around a name or an IPv4 address, a last label
 *   that is a number
 */
export function parseHost(text: string): Host | undefined {
  if (text.length > MAX_NAME_CHARACTERS + 1) return undefined;
  if (text.includes(':')) {
    const bracketed = text.startsWith('[') && text.endsWith(']');
    const address = parseAddress(bracketed ? text.slice(1, -1) : text);
    return address && { kind: 'address', address };
  }
  const name = parseName(text);
  if (name !== undefined) return { kind: 'name', name };
  const address = parseAddress(text);
  return address && { kind: 'address', address };
}

/**
 * Reads a name as {@link parseHost} does.
 *
 * @param text as written
 * @returns the name in lower case without its final dot, or undefined
 */
export function parseName(text: string): string | undefined {
  const relative = text.endsWith('.') ? text.slice(0, -1) : text;
  // Before lower-casing, which turns U+212A (the Kelvin sign) into an ASCII `k`.
  if (relative.length > MAX_NAME_CHARACTERS || !NAME.test(relative)) return undefined;
  const name = relative.toLowerCase();
  if (NUMERIC_LABEL.test(name)) return undefined;
  // Node converts a name before it asks a name server: a broken "xn--" label makes it the empty name.
  // protects: G7 a name is asked for as it was judged
  if (domainToASCII(name) !== name) return undefined;
  return name;
}

// RFC 6761 section 6.3: names that mean this host, whatever a resolver says.

/** Whether a canonical name is `localhost` or below it. */
export function isLocalhost(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost');
}

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
