// Reads one rule. A rule is valid as it is written, or it is no rule: nothing is guessed, trimmed or ignored.
import type { AddressClass } from '../words.js';
import { parseAddressBytes, parseIpv4 } from './address.js';
import { parseName } from './parse-host.js';
import { DEFAULT_PORTS, EVERY_PORT, type PortRange, parsePorts } from './parse-ports.js';
import { exactPrefix, familyBits, type Prefix } from './prefix.js';
import { isPublicSuffix } from './public-suffix.js';
import { parseSocketPath, UNIX_PREFIX } from './socket-path.js';
import { RULE_CLASSES } from './special-blocks.js';

export type ListName = 'allow' | 'deny';

/**
 * The target of a rule. `below` is a wildcard: names at any depth below `name`; with `apex`, that name too. `socket` is an AF_UNIX
 * socket of the host, which has no port.
 */
export type Target =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'below'; readonly name: string; readonly apex: boolean }
  | { readonly kind: 'any' }
  | { readonly kind: 'prefix'; readonly prefix: Prefix }
  | { readonly kind: 'class'; readonly class: AddressClass }
  | { readonly kind: 'socket'; readonly path: string };

/** A rule that was read. */
export interface Rule {
  /** As it was written. */
  readonly text: string;
  readonly target: Target;
  /** Empty for a socket. */
  readonly ports: readonly PortRange[];
}

const PREFIX_LENGTH = /^(?:0|[1-9]\d{0,2})$/;

/**
 * Reads a rule.
 *
 * @param text as written
 * @param list which list it is in. Without a port an allow rule is for 443, and a deny rule for every port
 * @returns the rule, or undefined if the text is none
 */
export function parseRule(text: string, list: ListName): Rule | undefined {
  // `unix:443` is a port of the host `unix`.
  if (text.startsWith(`${UNIX_PREFIX}/`)) {
    const path = parseSocketPath(text.slice(UNIX_PREFIX.length));
    return path === undefined ? undefined : { text, target: { kind: 'socket', path }, ports: [] };
  }
  // The parts before and after the last colon: `example.com` and `443`, `[fd00::/8]` and `443`.
  const bracketed = text.startsWith('[');
  const colon = text.indexOf(':', bracketed ? text.indexOf(']') : 0);
  const subject = colon === -1 ? text : text.slice(0, colon);
  const ports = colon === -1 ? defaultPorts(list) : parsePorts(text.slice(colon + 1));
  if (!ports) return undefined;
  const target = bracketed ? parseBracketed(subject) : parsePlain(subject);
  return target && { text, target, ports };
}

function defaultPorts(list: ListName): readonly PortRange[] {
  return list === 'allow' ? DEFAULT_PORTS : EVERY_PORT;
}

function parsePlain(text: string): Target | undefined {
  if (text === '*') return { kind: 'any' };
  if (text.startsWith('*')) return parseWildcard(text);
  if (text.startsWith('@')) return parseClass(text.slice(1));
  if (text.includes('/')) return parseCidr(text, 4);
  const name = parseName(text);
  if (name !== undefined) return { kind: 'name', name };
  return prefixTarget(parseIpv4(text), 32);
}

function parseWildcard(text: string): Target | undefined {
  const apex = text.startsWith('**.');
  if (!apex && !text.startsWith('*.')) return undefined;
  const name = parseName(text.slice(apex ? 3 : 2));
  return name === undefined || isPublicSuffix(name) ? undefined : { kind: 'below', name, apex };
}

function parseClass(text: string): Target | undefined {
  const found = RULE_CLASSES.find((name) => name === text);
  return found && { kind: 'class', class: found };
}

/** @param text in brackets */
function parseBracketed(text: string): Target | undefined {
  const inner = text.slice(1, -1);
  if (!text.endsWith(']') || !inner.includes(':')) return undefined;
  if (inner.includes('/')) return parseCidr(inner, 6);
  const bytes = parseAddressBytes(inner);
  return bytes && prefixTarget(bytes, bytes.length * 8);
}

function parseCidr(text: string, family: 4 | 6): Target | undefined {
  const slash = text.indexOf('/');
  const bytes = parseAddressBytes(text.slice(0, slash));
  const lengthText = text.slice(slash + 1);
  if (bytes?.length !== familyBits(family) / 8 || !PREFIX_LENGTH.test(lengthText)) return undefined;
  const length = Number(lengthText);
  return length <= familyBits(family) ? prefixTarget(bytes, length) : undefined;
}

function prefixTarget(bytes: Uint8Array | undefined, length: number): Target | undefined {
  const prefix = bytes && exactPrefix(bytes, length);
  return prefix && { kind: 'prefix', prefix };
}
