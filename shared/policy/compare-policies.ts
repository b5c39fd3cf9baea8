// Which destinations one policy lets through and another one does not. Pure.
//
// The answer is exact, and it is found by asking the decision itself. Names, addresses and ports are divided by the rules of both policies and by the special
// blocks; within one part, no rule tells two destinations apart. So one destination of each part is asked, as plugins ask: decide() on both policies. What
// is reported was decided so, and what is not reported has no part in which it could hide.
//
//   ports      each range of a rule begins a part, and its end begins the next
//   names      each name in a rule; below it, a name that no rule knows; one of a single label, one of several
//   addresses  the first and last address of each prefix, and their neighbours: a prefix without those inside it has one of them
//
// An address with another one inside it (NAT64, 6to4, Teredo) is divided by the rules for both. And it matters whether an address is one of this host or of
// a listener of postern, which no policy knows: each address is asked as neither, as the one and as the other.

import { type Address, addressFromBytes } from './address.js';
import { compilePolicy } from './compile-policy.js';
import { decide, judgeRequest } from './decide.js';
import { type HostContext, OwnAddresses } from './host-block.js';
import { isLocalhost, parseName } from './parse-host.js';
import { type ListName, parseRule, type Rule } from './parse-rule.js';
import type { Policy, PolicySource } from './policy.js';
import { familyBits, formatPrefix, holdsPrefix, type Prefix, prefixOf } from './prefix.js';
import { PrefixTree } from './prefix-tree.js';
import { socketHost, UNIX_PREFIX } from './socket-path.js';
import { embeddedIpv4, findBlock, IPV4_FORMS, SPECIAL_PREFIXES } from './special-blocks.js';

/** A part of the destinations that one policy lets through and the other does not. */
export interface Opening {
  /** The part: a name, `*.x` for names below x that no rule names, `*` for other names, a prefix, or `unix:/path`. */
  readonly about: string;
  /** One of its destinations, as a plugin asks for it. */
  readonly host: string;
  /** The first port of the part; 0 for a socket. */
  readonly port: number;
  /** Its last port. */
  readonly lastPort: number;
  /** Of a name: an address with which it is so. */
  readonly address: string | undefined;
  /** Whether the name's addresses decide it: both let the name through, and not all that it may have. */
  readonly depends: boolean;
  /** It holds if the address is one of this host, or where postern listens there. */
  readonly where: 'own' | 'listener' | undefined;
  /** The rule that lets it through; undefined in mode `audit`. */
  readonly rule: string | undefined;
}

/**
 * Finds what `inner` lets through and `outer` does not. In mode `audit` what is reported is let through too.
 *
 * @param inner rules that are valid
 * @param outer rules that are valid
 * @returns a part at a time: sockets, then names, then addresses. Nothing: `inner` lies within `outer`
 * @throws TypeError if a rule is invalid
 */
export function* openings(inner: PolicySource, outer: PolicySource): Generator<Opening, void> {
  const rules = [...rulesOf(inner), ...rulesOf(outer)];
  const sides: Sides = { inner: compiled(inner), outer: compiled(outer) };
  yield* socketOpenings(sides, rules);
  const ports = portParts(rules);
  const addresses = addressParts(rules, inner, sides.inner);
  yield* nameOpenings(sides, nameParts(rules), ports, addresses);
  yield* addressOpenings(sides, ports, addresses);
}

/** The destination of an opening, as a message shows it. */
export function exampleOf({ host, port, address, depends }: Opening): string {
  const at = depends && address !== undefined ? ` at ${address}` : '';
  return `${host.includes(':') && port !== 0 ? `[${host}]` : host}${port === 0 ? '' : `:${port}`}${at}`;
}

interface Sides {
  readonly inner: Policy;
  readonly outer: Policy;
}

function compiled(source: PolicySource): Policy {
  const result = compilePolicy(source);
  if (!result.ok) throw new TypeError(result.problems[0]?.message ?? 'Invalid rules');
  return result.policy;
}

function rulesOf(source: PolicySource): Rule[] {
  const read = (list: ListName): Rule[] => source[list].flatMap((text) => parseRule(text, list) ?? []);
  return [...read('allow'), ...read('deny')];
}

// Ports.

type PortPart = readonly [first: number, last: number];
const LAST_PORT = 65_535;

function portParts(rules: readonly Rule[]): readonly PortPart[] {
  const begins = new Set([1]);
  for (const { ports } of rules) for (const { low, high } of ports) begins.add(low).add(high + 1);
  const sorted = [...begins].filter((port) => port <= LAST_PORT).sort((a, b) => a - b);
  return sorted.map((first, index) => [first, (sorted[index + 1] ?? LAST_PORT + 1) - 1]);
}

// Names.

interface NamePart {
  readonly about: string;
  readonly name: string;
}

function nameParts(rules: readonly Rule[]): readonly NamePart[] {
  const bases = new Set(['localhost']);
  for (const { target } of rules)
    if (target.kind === 'name' || target.kind === 'below') bases.add(target.name);
  const labels = new Set([...bases].flatMap((base) => base.split('.')));
  const fresh = freshLabel(labels);
  const parts = [...bases].flatMap((base) => [
    { about: base, name: base },
    { about: `*.${base}`, name: nameBelow(base, bases) },
  ]);
  // A base may be so long that there is no name below it, or none that no rule names.
  const valid = parts.filter(({ name }) => parseName(name) !== undefined);
  return [...valid, { about: '*', name: `${fresh}.${fresh}` }, { about: '* of one label', name: fresh }];
}

const SHORT_LABELS = 'xabcdefghijklmnopqrstuvwyz0123456789_';

/** The shortest name below a base that no rule names: a longer one may be no name any more. */
function nameBelow(base: string, bases: ReadonlySet<string>): string {
  const short = [...SHORT_LABELS].find((label) => !bases.has(`${label}.${base}`));
  if (short !== undefined) return `${short}.${base}`;
  for (let count = 0; ; count += 1) if (!bases.has(`x${count}.${base}`)) return `x${count}.${base}`;
}

function freshLabel(known: ReadonlySet<string>): string {
  for (let count = 0; ; count += 1) {
    const label = `x${count === 0 ? '' : count}`;
    if (!known.has(label)) return label;
  }
}

function* nameOpenings(
  sides: Sides,
  names: readonly NamePart[],
  ports: readonly PortPart[],
  addresses: readonly AddressPart[],
): Generator<Opening, void> {
  for (const [port, lastPort] of ports) {
    // Names of one kind are judged alike on each address, so one of them is asked.
    const found = new Map<string, ReturnType<typeof addressThrough>>();
    for (const part of names) {
      const request = { host: part.name, port };
      const [inner, outer] = [sides.inner, sides.outer].map((policy) =>
        judgeRequest(policy, request, NOWHERE),
      );
      if (inner?.kind !== 'resolve' || outer === undefined) continue;
      const kind = `${isLocalhost(part.name)} ${inner.decision} ${outer.kind === 'resolve' && outer.decision}`;
      if (!found.has(kind)) found.set(kind, addressThrough(sides, part.name, port, addresses));
      const through = found.get(kind);
      if (through === undefined) continue;
      const { address, where } = through;
      const rule = decide(sides.inner, request, [address], contextOf(address, port, where)).rule ?? undefined;
      const { about, name: host } = part;
      yield {
        about,
        host,
        port,
        lastPort,
        address: address.text,
        depends: outer.kind === 'resolve',
        where,
        rule,
      };
    }
  }
}

/** The first address on which the one policy lets a name through and the other does not. */
function addressThrough(
  sides: Sides,
  host: string,
  port: number,
  addresses: readonly AddressPart[],
): { readonly address: Address; readonly where: Opening['where'] } | undefined {
  for (const where of WHERE)
    for (const { address, wheres } of addresses)
      if (
        wheres.includes(where) &&
        isOpening(sides, { host, port }, [address], contextOf(address, port, where))
      )
        return { address, where };
  return undefined;
}

function isOpening(
  { inner, outer }: Sides,
  request: { readonly host: string; readonly port: number },
  resolved: readonly Address[],
  context: HostContext,
): boolean {
  const passes = (policy: Policy): boolean => decide(policy, request, resolved, context).decision !== 'deny';
  return passes(inner) && !passes(outer);
}

const ANYWHERE = [undefined];
const WHERE = [undefined, 'own', 'listener'] as const;
const NOWHERE: HostContext = { own: OwnAddresses.of(), listeners: [] };

function contextOf(address: Address, port: number, where: Opening['where']): HostContext {
  if (where === 'own') return { own: OwnAddresses.of(address), listeners: [] };
  return where === undefined ? NOWHERE : { own: OwnAddresses.of(), listeners: [{ address, port }] };
}

// Addresses.

interface AddressPart {
  readonly address: Address;
  /** The innermost prefix around it that a rule or a special block names. */
  readonly around: Prefix;
  /** An address of this host, or a listener's, is opened only by a rule for just this address. */
  readonly wheres: readonly Opening['where'][];
}

const EVERY: readonly Prefix[] = ['0.0.0.0', '::'].map((text) =>
  prefixOf(addressFromBytes(new Uint8Array(text === '::' ? 16 : 4)), 0),
);

/** One address of each part that `inner` may let through, on whatever port. */
function addressParts(rules: readonly Rule[], inner: PolicySource, policy: Policy): readonly AddressPart[] {
  const named = rules.flatMap(({ target }) => (target.kind === 'prefix' ? [target.prefix] : []));
  const prefixes = distinct([...EVERY, ...SPECIAL_PREFIXES, ...named]);
  const tree = new PrefixTree<Prefix, Prefix>(
    prefixes.map((prefix) => ({ prefix, value: prefix })),
    ([prefix]) => prefix as Prefix,
  );
  const four = boundaries(prefixes.filter(({ family }) => family === 4));
  const six = prefixes.filter(({ family }) => family === 6);
  const opened = rulesOf({ ...inner, deny: [] }).flatMap(({ target }) =>
    target.kind === 'prefix' ? [target.prefix] : [],
  );
  const openedLengths = new Set(opened.map(({ length }) => length));
  const parts = new Map<string, AddressPart>();
  for (const bytes of [...four, ...boundaries(six), ...insideForms(six, opened, four)]) {
    const address = addressFromBytes(bytes);
    const around = innermost(tree, address);
    // The innermost prefix tells all those around it.
    const inside = embeddedIpv4(address).map(({ address: one }) => formatPrefix(innermost(tree, one)));
    const key = [formatPrefix(around), ...inside].join();
    if (parts.has(key) || !mayPass(policy, address)) continue;
    const isNamed =
      openedLengths.has(familyBits(address.family)) && around.length === familyBits(address.family);
    parts.set(key, { address, around, wheres: isNamed ? WHERE : ANYWHERE });
  }
  return [...parts.values()];
}

function mayPass({ allow }: Policy, address: Address): boolean {
  const block = findBlock(address);
  if (block === undefined || block.class === 'loopback') return true;
  const byPrefix = allow.matchAddress(address, 1, block.length);
  return byPrefix.rule !== undefined || byPrefix.otherPort || allow.classes.has(block.class);
}

function innermost(tree: PrefixTree<Prefix>, address: Address): Prefix {
  return tree.find(address)?.prefix ?? prefixOf(address, familyBits(address.family));
}

/** First and last address of each prefix, and the addresses beside them. */
function boundaries(prefixes: readonly Prefix[]): readonly Uint8Array[] {
  const points = new Map<string, Uint8Array>();
  for (const { bytes, length } of prefixes) {
    const last = lastOf(bytes, length);
    for (const point of [bytes, last, moved(bytes, -1), moved(last, 1)])
      if (point !== undefined) points.set(point.join(), point);
  }
  return [...points.values()];
}

function lastOf(bytes: Uint8Array, length: number): Uint8Array {
  return bytes.map((byte, at) => byte | (0xff >> Math.min(8, Math.max(0, length - at * 8))));
}

/** @returns undefined past either end */
function moved(bytes: Uint8Array, by: 1 | -1): Uint8Array | undefined {
  const next = Uint8Array.from(bytes);
  for (let at = next.length - 1; at >= 0; at -= 1) {
    const byte = (next[at] ?? 0) + by;
    next[at] = byte & 0xff;
    if (byte >= 0 && byte <= 0xff) return next;
  }
  return undefined;
}

/** In each form that `inner` opens a part of: every boundary of IPv6 in it, with every boundary of IPv4 inside. */
function insideForms(
  six: readonly Prefix[],
  allowed: readonly Prefix[],
  fourBytes: readonly Uint8Array[],
): readonly Uint8Array[] {
  const points = new Map<string, Uint8Array>();
  for (const form of IPV4_FORMS) {
    // A wider rule does not lie inside the block.
    if (!allowed.some((prefix) => holdsPrefix(form.prefix, prefix))) continue;
    const within = six.filter((prefix) => holdsPrefix(form.prefix, prefix));
    // A prefix that ends inside the IPv4 address, or behind it, divides what lies before it too.
    const cut = within.flatMap((prefix) =>
      [form.at, form.at + 32]
        .filter((bit) => bit < prefix.length && bit >= form.prefix.length)
        .map((length) => prefixOf(addressFromBytes(prefix.bytes), length)),
    );
    const inFour = within
      .filter(({ length }) => length > form.at)
      .map(({ bytes, length }) =>
        prefixOf(
          addressFromBytes(bytes.slice(form.at / 8, form.at / 8 + 4).map((byte) => byte ^ form.mask)),
          Math.min(32, length - form.at),
        ),
      );
    const inner = [...fourBytes, ...boundaries(distinct(inFour))];
    const outer = [...boundaries(distinct([...within, ...cut])), ...points.values()].filter((bytes) =>
      holdsPrefix(form.prefix, prefixOf(addressFromBytes(bytes), 128)),
    );
    for (const bytes of outer)
      for (const four of inner) {
        const point = Uint8Array.from(bytes);
        point.set(
          four.map((byte) => byte ^ form.mask),
          form.at / 8,
        );
        points.set(point.join(), point);
      }
  }
  return [...points.values()];
}

function distinct(prefixes: readonly Prefix[]): readonly Prefix[] {
  return [...new Map(prefixes.map((prefix) => [formatPrefix(prefix), prefix])).values()];
}

function* addressOpenings(
  sides: Sides,
  ports: readonly PortPart[],
  addresses: readonly AddressPart[],
): Generator<Opening, void> {
  for (const [port, lastPort] of ports)
    for (const { address, around, wheres } of addresses) {
      const request = { host: address.text, port };
      // What holds anywhere is not told again for this host.
      const where = wheres.find((one) => isOpening(sides, request, [], contextOf(address, port, one)));
      if (where === undefined && !isOpening(sides, request, [], NOWHERE)) continue;
      const rule = decide(sides.inner, request, [], contextOf(address, port, where)).rule ?? undefined;
      const about = formatPrefix(around);
      yield { about, host: address.text, port, lastPort, address: undefined, depends: false, where, rule };
    }
}

// AF_UNIX sockets: only those that a rule names are ever let through.

function* socketOpenings(sides: Sides, rules: readonly Rule[]): Generator<Opening, void> {
  const paths = new Set(rules.flatMap(({ target }) => (target.kind === 'socket' ? [target.path] : [])));
  for (const path of paths) {
    const host = socketHost(path);
    const request = { host: `${UNIX_PREFIX}${path}`, port: 0 };
    if (!isOpening(sides, request, [], NOWHERE)) continue;
    const rule = decide(sides.inner, request, [], NOWHERE).rule ?? undefined;
    yield {
      about: host,
      host,
      port: 0,
      lastPort: 0,
      address: undefined,
      depends: false,
      where: undefined,
      rule,
    };
  }
}
