// Requests and decisions. Values only, no code.
import type { AddressClass, DecisionWord, Reason } from '../words.js';
import type { Address } from './address.js';
import { isPlain, quote } from './quote.js';
import { UNIX_PREFIX } from './socket-path.js';
import { CLASS_FACTS } from './special-blocks.js';

/** A request of a plugin. Do not trust these types: the values are checked when the request is judged. */
export interface Request {
  /** A name, an address, or `unix:` with the path of a socket. */
  readonly host: string;
  /** 1 to 65535; 0 for a socket. */
  readonly port: number;
}

/** An address of a name that is not dialled. */
export interface DroppedAddress {
  readonly address: Address;
  readonly class: AddressClass;
  readonly reason: 'address_denied' | 'address_special';
  /** The deny rule that covers it. */
  readonly rule?: string;
}

/** The decision on a request. */
export interface Decision {
  readonly decision: DecisionWord;
  readonly reason: Reason;
  /** The rule that decided, as it was written. */
  readonly rule?: string;
  /** Canonical if it could be read, else as asked and cut at 256 characters. Quote it when you print it. */
  readonly host: string;
  /** As asked; 0 for a socket, and if that was no finite number. */
  readonly port: number;
  /** The addresses to dial, in the order of the answer. Empty for a denial. */
  readonly dial: readonly Address[];
  /** The AF_UNIX socket to dial. Missing for a denial, and for a TCP connection. */
  readonly path?: string;
  /** The addresses of a name that may not be dialled. Empty for a literal address. */
  readonly dropped: readonly DroppedAddress[];
  /** The cause, for the operator. It names rules and addresses. */
  readonly cause: string;
  /** Destination and cause, for the operator. A plugin gets the message of `pluginRefusal`. */
  readonly message: string;
  /** The allow rule that would open this and nothing else. Missing if a deny rule decides. */
  readonly suggestion?: string;
  /** The rule for the name that is missing too, where `suggestion` is one for its special address. Both are needed. */
  readonly nameSuggestion?: string;
}

/** A name that may be looked up in DNS, as an absolute name without a search list. */
export interface ResolveVerdict {
  readonly kind: 'resolve';
  readonly name: string;
  readonly port: number;
  readonly decision: 'allow' | 'would_deny';
  readonly reason: Reason;
  readonly rule?: string;
}

/** The verdict before DNS is asked. */
export type RequestVerdict = { readonly kind: 'settled'; readonly decision: Decision } | ResolveVerdict;

// Makes a decision with its message.

const MAX_HOST_CHARACTERS = 256;

/** The facts that a decision rests on. */
export interface Grounds {
  readonly decision: DecisionWord;
  readonly reason: Reason;
  readonly rule?: string | undefined;
  readonly host: string;
  readonly port: number;
  readonly dial?: readonly Address[];
  readonly path?: string | undefined;
  readonly dropped?: readonly DroppedAddress[];
  /** The address that the reason is about, with its description. */
  readonly about?: { readonly address: Address; readonly what: string } | undefined;
  readonly suggestion?: string | undefined;
  readonly nameSuggestion?: string | undefined;
  /** The cause in words, if those of the reason do not say enough. */
  readonly cause?: string | undefined;
}

/** Makes a decision of bounded length, with a message that names host, port and cause. */
export function makeDecision(grounds: Grounds): Decision {
  const {
    decision,
    reason,
    rule,
    path,
    suggestion,
    nameSuggestion,
    dial = NOTHING,
    dropped = NOTHING,
  } = grounds;
  const host = grounds.host.slice(0, MAX_HOST_CHARACTERS);
  const port = Number.isFinite(grounds.port) ? grounds.port : 0;
  const cause = grounds.cause ?? describeCause(grounds);
  const message = `${OPENINGS[decision]} ${quoteDestination(host, grounds.port)}: ${cause}`;
  const made: { -readonly [K in keyof Decision]: Decision[K] } = {
    decision,
    reason,
    host,
    port,
    dial,
    dropped,
    cause,
    message,
  };
  if (rule !== undefined) made.rule = rule;
  if (path !== undefined) made.path = path;
  if (suggestion !== undefined) made.suggestion = suggestion;
  if (nameSuggestion !== undefined) made.nameSuggestion = nameSuggestion;
  return made;
}

const NOTHING: readonly never[] = [];
const OPENINGS: Readonly<Record<DecisionWord, string>> = {
  allow: 'May connect to',
  deny: 'Cannot connect to',
  would_deny: 'Connects only in audit mode to',
};

/** What an operator reads of a decision: its own message, or one of what became of it. */
export function decisionMessage({
  message,
  host,
  port,
  reason,
  outcome,
}: Readonly<Record<'host' | 'reason', string>> & {
  readonly message?: string | undefined;
  readonly port: number;
  readonly outcome: string | null;
}): string {
  return message ?? `Cannot connect to ${quoteDestination(host, port)}: ${outcome ?? reason}`;
}

/** `"example.com:443"`, `"[::1]:443"`, `"unix:/run/x.sock"`: quoted, safe to print. */
export function quoteDestination(host: string, port: number): string {
  if (host.startsWith(UNIX_PREFIX) && port === 0) return quote(host);
  const bracketed = host.includes(':') && /^[0-9a-f:.]+$/i.test(host) ? `[${host}]` : host;
  return isPlain(bracketed) ? `"${bracketed}:${port}"` : quote(`${bracketed}:${port}`);
}

/** Describes the class of an address in a message. */
export function describeClass(addressClass: AddressClass, purpose: string | undefined): string {
  const { what, addsPurpose } = CLASS_FACTS[addressClass];
  return addsPurpose && purpose !== undefined ? `${what} (${purpose})` : what;
}

/** What is wrong with a request for a socket. */
export const NO_PATH =
  'the path is not one that a rule can name: absolute, in its shortest form, 107 bytes at most';
export const NO_PORT = 'a UNIX socket has no port: ask for port 0';

function describeCause(grounds: Grounds): string {
  const { reason } = grounds;
  return CAUSES[reason]?.(grounds) ?? reason.replaceAll('_', ' ');
}

/** A reason that is not here is described by its own word. */
const CAUSES: Partial<Readonly<Record<Reason, (grounds: Grounds) => string>>> = {
  rule: ({ rule }) => `${quoteRule(rule)} allows it`,
  approved: () => 'it was asked about, and approved',
  malformed_host: ({ host }) =>
    host.startsWith(UNIX_PREFIX) ? NO_PATH : 'the host is neither a name nor an address',
  invalid_port: ({ host }) =>
    host.startsWith(UNIX_PREFIX) ? NO_PORT : 'the port is not a whole number from 1 to 65535',
  denied_by_rule: ({ rule }) => `deny ${quoteRule(rule)} covers it`,
  no_rule: ({ host }) => `no rule allows ${quote(host)}`,
  port_not_allowed: ({ port }) => `no rule allows port ${port}`,
  address_denied: ({ rule, about }) =>
    `deny ${quoteRule(rule)} covers its address ${about?.address.text ?? ''}`,
  address_special: ({ about }) =>
    about ? `${about.address.text} is ${about.what}, which no rule opens` : 'its address is special',
  dns_error: () => 'the name has no address',
  stale_grant: () => 'the name does not have the address any more',
};

function quoteRule(rule: string | undefined): string {
  return rule === undefined ? 'a rule' : `rule ${quote(rule)}`;
}
