// A second implementation of the rules, simple and slow: it searches lists, and addresses are numbers. It shares only the tables of special
// blocks with the sources. Other tests check the edges of those blocks.
import { METADATA_ADDRESSES, SPECIAL_IPV4, SPECIAL_IPV6 } from '../../shared/policy/special-blocks.js';

/** The parts of a rule: its target: `name`, `*.x`, `10.0.0.0/8`, `@public` or `*`, and its ports. */
export interface NaiveRule {
  readonly target: string;
  readonly ports: readonly (readonly [low: number, high: number])[];
}

export interface NaiveCase {
  readonly allow: readonly NaiveRule[];
  readonly deny: readonly NaiveRule[];
  readonly mode: 'enforce' | 'audit';
  readonly host: string;
  readonly port: number;
  readonly resolved: readonly string[];
  readonly own: readonly string[];
  readonly listeners: readonly { readonly address: string; readonly port: number }[];
}

/** `decision reason address…` */
export function evaluate(asked: NaiveCase): string {
  const { host, resolved, mode } = asked;
  return isAddress(host) ? literal(asked) : name(asked, host, resolved, mode);
}

function literal(asked: NaiveCase): string {
  const { allow, deny, host, port, mode } = asked;
  if (denies(deny, host, port)) return 'deny denied_by_rule';
  if (allow.some((rule) => on(rule, port) && admits(rule, asked, host))) return `allow rule ${host}`;
  const covers = allow.filter((rule) => inTarget(rule, host));
  const covered = covers.some((rule) => on(rule, port));
  const special = blockOf(asked, host) !== undefined;
  if (special && (covered || mode === 'audit')) return 'deny address_special';
  const reason = covers.length > 0 ? 'port_not_allowed' : 'no_rule';
  return mode === 'audit' ? `would_deny ${reason} ${host}` : `deny ${reason}`;
}

function name(asked: NaiveCase, host: string, resolved: readonly string[], mode: string): string {
  const { allow, deny, port } = asked;
  if (deny.some((rule) => on(rule, port) && (rule.target === '*' || covers(rule.target, host)))) {
    return 'deny denied_by_rule';
  }
  const local = host === 'localhost' || host.endsWith('.localhost');
  const covering = allow.filter(({ target }) => {
    if (local) return target === host;
    return covers(target, host) || (target === '*' && host.includes('.'));
  });
  const allowed = covering.some((rule) => on(rule, port));
  const reason = allowed ? 'rule' : covering.length > 0 ? 'port_not_allowed' : 'no_rule';
  if (!allowed && mode === 'enforce') return `deny ${reason}`;
  if (resolved.length === 0) return 'deny dns_error';
  const kept = resolved.filter((address) => {
    if (denies(deny, address, port)) return false;
    const admitted = allow.some((rule) => on(rule, port) && admits(rule, asked, address));
    if (!local) return admitted || blockOf(asked, address) === undefined;
    return (
      classOf(address) === 'loopback' && (admitted || (allowed && blockOf(asked, address)?.kind === 'table'))
    );
  });
  if (kept.length > 0) return [allowed ? 'allow' : 'would_deny', reason, ...kept].join(' ');
  return resolved.some((address) => denies(deny, address, port))
    ? 'deny address_denied'
    : 'deny address_special';
}

function on({ ports }: NaiveRule, port: number): boolean {
  return ports.some(([low, high]) => low <= port && port <= high);
}

function covers(target: string, host: string): boolean {
  if (target.startsWith('**.')) return host === target.slice(3) || host.endsWith(target.slice(2));
  return target.startsWith('*.') ? host.endsWith(target.slice(1)) : host === target;
}

function denies(deny: readonly NaiveRule[], address: string, port: number): boolean {
  const forms = [address, ...inside(address).map(({ inner }) => inner)];
  return deny.some(
    (rule) => on(rule, port) && (rule.target === '*' || forms.some((form) => isDenied(rule, form))),
  );
}

/** A class is denied with all that lies in its blocks. */
function isDenied(rule: NaiveRule, address: string): boolean {
  if (!rule.target.startsWith('@')) return inTarget(rule, address);
  const classes = entriesAround(address).map(([, , blockClass]) => blockClass);
  return (classes.length === 0 ? ['public'] : classes).some((name) => rule.target === `@${name}`);
}

function inTarget({ target }: NaiveRule, address: string): boolean {
  if (target.startsWith('@')) return classOf(address) === target.slice(1);
  return isAddress(target.split('/')[0] ?? '') && holds(target, address);
}

/** Whether a rule admits an address on some port: it covers the address, and lies wholly inside its special block. */
function admits(rule: NaiveRule, asked: NaiveCase, address: string): boolean {
  if (!inTarget(rule, address)) return false;
  const block = blockOf(asked, address);
  if (block === undefined) return true;
  if (rule.target.startsWith('@')) return block.kind === 'table';
  const length = Number(rule.target.split('/')[1] ?? bits(address));
  if (block.kind !== 'listener') return length >= block.length;
  return (
    length === bits(address) && rule.ports.every(([low, high]) => low === asked.port && high === asked.port)
  );
}

interface NaiveBlock {
  readonly kind: 'table' | 'own' | 'listener';
  readonly length: number;
}

function blockOf({ own, listeners, port }: NaiveCase, address: string): NaiveBlock | undefined {
  const local = classOf(address) === 'loopback';
  const mine = own.includes(address);
  const heard = listeners.some((listener) => {
    if (listener.port !== port) return false;
    if (listener.address === address) return true;
    return listener.address === '0.0.0.0' && !address.includes(':') && (local || mine);
  });
  if (heard) return { kind: 'listener', length: bits(address) };
  if (mine && !local) return { kind: 'own', length: bits(address) };
  const blocks = blocksOf(address);
  return blocks.length === 0 ? undefined : { kind: 'table', length: Math.max(...blocks) };
}

/** The lengths of the special blocks around an address, and of those around the IPv4 address inside it. */
function blocksOf(address: string): number[] {
  const lengths = classOf(address) === 'public' ? [] : [innermost(address)?.length ?? 0];
  for (const { inner, at } of inside(address)) {
    if (classOf(inner) !== 'public') lengths.push(at + (innermost(inner)?.length ?? 0));
  }
  return lengths;
}

const TABLE = [...SPECIAL_IPV4, ...SPECIAL_IPV6, ...METADATA_ADDRESSES];

function classOf(address: string): string {
  return innermost(address)?.class ?? 'public';
}

const INNERMOST = new Map<string, ReturnType<typeof findInnermost>>();

/** The tests ask about few addresses, many times. */
function innermost(address: string): ReturnType<typeof findInnermost> {
  const known = INNERMOST.has(address) ? INNERMOST.get(address) : findInnermost(address);
  INNERMOST.set(address, known);
  return known;
}

function entriesAround(address: string): typeof TABLE {
  return TABLE.filter(([prefix]) => holds(prefix, address));
}

function findInnermost(address: string): { class: string; length: number } | undefined {
  const found = entriesAround(address).map(([prefix, , blockClass]) => {
    return { class: blockClass, length: Number(prefix.split('/')[1] ?? bits(prefix)) };
  });
  return found.toSorted((a, b) => b.length - a.length)[0];
}

/** The IPv4 addresses inside an IPv6 address, and the bit at which each begins: RFC 4291, 2765, 6052, 8215, 3056 and 4380. */
function inside(address: string): { inner: string; at: number }[] {
  if (!address.includes(':') || address === '::' || address === '::1') return [];
  const number = value(address);
  const last = { inner: quad(number & 0xffffffffn), at: 96 };
  const lasts = ['::/96', '::ffff:0:0:0/96', '64:ff9b::/96', '64:ff9b:1::/48'];
  if (lasts.some((form) => holds(form, address))) return [last];
  if (holds('2002::/16', address)) return [{ inner: quad((number >> 80n) & 0xffffffffn), at: 16 }];
  if (!holds('2001::/32', address)) return [];
  const client = { inner: quad(~number & 0xffffffffn), at: 96 };
  return [{ inner: quad((number >> 64n) & 0xffffffffn), at: 32 }, client];
}

function holds(prefix: string, address: string): boolean {
  const [base = '', length] = prefix.split('/');
  if (base.includes(':') !== address.includes(':')) return false;
  const shift = BigInt(bits(address) - Number(length ?? bits(address)));
  return value(base) >> shift === value(address) >> shift;
}

function isAddress(text: string): boolean {
  return text.includes(':') || /^[\d.]+$/.test(text);
}

function bits(address: string): number {
  return address.includes(':') ? 128 : 32;
}

function quad(number: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((number >> shift) & 255n)).join('.');
}

const VALUES = new Map<string, bigint>();

function value(address: string): bigint {
  const known = VALUES.get(address) ?? numberOf(address);
  VALUES.set(address, known);
  return known;
}

/** An address as a number. */
function numberOf(address: string): bigint {
  if (!address.includes(':'))
    return address.split('.').reduce((sum, octet) => sum * 256n + BigInt(octet), 0n);
  const [head = '', tail = ''] = address.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === '' ? [] : tail.split(':');
  const zeros: string[] = new Array(8 - before.length - after.length).fill('0');
  return [...before, ...zeros, ...after].reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n);
}
