// Reads one rule. A rule is right as it stands or it is no rule: nothing is guessed, trimmed or ignored.
import { addressFromBytes, parseAddress } from './address.js';
import { parseHost, parseName } from './parse-host.js';
import { parseIpv6 } from './parse-ipv6.js';
import { DEFAULT_PORTS, EVERY_PORT, type PortRange, parsePorts } from './parse-ports.js';
import { familyBits, type Prefix, prefixOf } from './prefix.js';
import { isPublicSuffix } from './public-suffix.js';

/** The classes of addresses that a rule can name. */
export const RULE_CLASSES = ['public', 'private', 'loopback', 'linklocal', 'metadata'] as const;
export type RuleClass = (typeof RULE_CLASSES)[number];

export type ListName = 'allow' | 'deny';

/** What a rule is about. `below` is a wildcard: names at any depth below `name`, with `apex` that name too. */
export type Target =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'below'; readonly name: string; readonly apex: boolean }
  | { readonly kind: 'any' }
  | { readonly kind: 'prefix'; readonly prefix: Prefix }
  | { readonly kind: 'class'; readonly class: RuleClass };

/** A rule as read. */
export interface Rule {
  /** As it was written. */
  readonly text: string;
  readonly target: Target;
  readonly ports: readonly PortRange[];
}

/** `example.com:443`, `[fd00::/8]:443`: what stands before the port, and the port. */
const BRACKETED = /^\[([^[\]]*)\](?::(.*))?$/s;
const PLAIN = /^([^:[\]]*)(?::([^:]*))?$/s;
const PREFIX_LENGTH = /^(?:0|[1-9]\d{0,2})$/;

/**
 * Reads a rule.
 *
 * @param text what was written
 * @param list where: without a port an allow rule means 443, a deny rule every port
 * @returns the rule, or undefined where it is none
 */
export function parseRule(text: string, list: ListName): Rule | undefined {
  const bracketed = text.startsWith('[');
  const parts = (bracketed ? BRACKETED : PLAIN).exec(text);
  if (!parts) return undefined;
  const [, subject = '', portText] = parts;
  const ports = portText === undefined ? defaultPorts(list) : parsePorts(portText);
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
  const host = parseHost(text);
  if (!host) return undefined;
  if (host.kind === 'name') return { kind: 'name', name: host.name };
  return { kind: 'prefix', prefix: prefixOf(host.address, 32) };
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

function parseBracketed(text: string): Target | undefined {
  if (text.includes('/')) return parseCidr(text, 6);
  const bytes = parseIpv6(text);
  if (!bytes) return undefined;
  const address = addressFromBytes(bytes);
  return { kind: 'prefix', prefix: prefixOf(address, familyBits(address.family)) };
}

function parseCidr(text: string, family: 4 | 6): Target | undefined {
  const [base = '', lengthText = '', ...rest] = text.split('/');
  const address = parseAddress(base);
  const length = Number(lengthText);
  if (address?.family !== family || rest.length > 0) return undefined;
  if (!PREFIX_LENGTH.test(lengthText) || length > familyBits(family)) return undefined;
  const prefix = prefixOf(address, length);
  return prefix.bytes.every((byte, at) => byte === address.bytes[at])
    ? { kind: 'prefix', prefix }
    : undefined;
}
