// What a request's host is, read before anything is canonicalised. Trusts nothing: the text comes from a plugin. No
// URL parser and no getaddrinfo(3) is asked what it means, so that no two readers can differ about it.
import { type Address, parseAddress } from './address.js';

/** A host as decisions know it: a name, lower-cased and without its final dot, or an address. */
export type Host = { kind: 'name'; name: string } | { kind: 'address'; address: Address };

/** RFC 1035 section 2.3.4, less the length octets: what can be written, without a final dot. */
const MAX_NAME_CHARACTERS = 253;
const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
const NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
/** The URL standard's "ends in a number": a resolver may take such a name for an address. */
const NUMERIC_LABEL = /(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$/;

/**
 * Reads a host: a strict dotted quad, an IPv6 literal with or without brackets, or an ASCII name (RFC 1123 section
 * 2.1, and `_`).
 *
 * @param text what the plugin wrote
 * @returns the host, or undefined where it is anything else: a zone, a port, white space, brackets round a name or an
 * IPv4 address, a last label that is a number
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
 * @param text what was written
 * @returns the name, lower-cased, without its final dot, or undefined
 */
export function parseName(text: string): string | undefined {
  const relative = text.endsWith('.') ? text.slice(0, -1) : text;
  if (relative.length > MAX_NAME_CHARACTERS || NON_ASCII.test(relative)) return undefined;
  const name = relative.toLowerCase();
  return NAME.test(name) && !NUMERIC_LABEL.test(name) ? name : undefined;
}

/** Checked before lower-casing, which turns U+212A (the Kelvin sign) into an ASCII `k`. */
const NON_ASCII = /[^ -~]/;
