// What the rules say of a name alone, as a DNS question asks it, and which of its addresses the sandbox's DNS may give. Pure. A question has no
// port.
import type { Address } from './address.js';
import { judgeAddresses, judgeRequest } from './decide.js';
import type { Decision, DroppedAddress, RequestVerdict } from './decision.js';
import type { HostContext } from './host-block.js';
import { isLocalhost } from './parse-host.js';
import { EVERY_PORT, joinRanges, type PortRange } from './parse-ports.js';
import type { Policy } from './policy.js';
import type { PortTable } from './port-table.js';
import type { RuleIndex } from './rule-index.js';
import { isSandboxAddress } from './sandbox-address.js';
import { classesAround, embeddedIpv4 } from './special-blocks.js';

// How the DNS of a sandbox takes a name, before any server is asked. DNS acts by it, and `explain` says it. Pure.

/** The sandbox itself, which no rule is asked about; or the verdict of the rules. Undefined without rules. */
type QuestionVerdict = 'loopback' | NameVerdict | undefined;

/**
 * Judges the name of a question.
 *
 * @param name canonical
 * @param hostname the plugin's name. Programs look it up to find their own address; a rule for that name comes first
 */
export function judgeQuestion(
  policy: Policy | undefined,
  name: string,
  hostname: string | undefined,
  context: HostContext,
): QuestionVerdict {
  // RFC 6761 section 6.3
  if (isLocalhost(name)) return 'loopback';
  if (policy === undefined) return undefined;
  const verdict = judgeName(policy, name, context);
  return name === hostname && verdict.decision !== 'allow' ? 'loopback' : verdict;
}

// Whether the DNS of a sandbox may answer for a name. The question has no port. Pure.

/** A name that may be resolved, with the ports that are open. */
export interface OpenName {
  readonly name: string;
  readonly decision: 'allow' | 'would_deny';
  readonly reason: 'rule' | 'approved' | 'no_rule' | 'port_not_allowed';
  /** An allow rule that covers it. */
  readonly rule?: string;
  /** Sorted within each list of rules, at least one. */
  readonly ports: readonly PortRange[];
}

/** A name that no server is asked for. */
export interface ClosedName {
  readonly name: string;
  readonly decision: 'deny';
  readonly reason: 'denied_by_rule' | 'no_rule';
  readonly rule?: string;
}

export type NameVerdict = OpenName | ClosedName;

const HTTPS = 443;

/**
 * Judges a name before it is resolved. It is open if a request for it on some port would be resolved.
 *
 * @param policy the rules and the mode. In mode `audit` a name without a rule is open too, with its reason
 * @param name canonical
 * @param context this host's addresses and listeners
 */
export function judgeName(policy: Policy, name: string, context: HostContext): NameVerdict {
  const { allowed, undenied, covered } = openPorts(policy, name);
  const judge = (port: number): RequestVerdict => judgeRequest(policy, { host: name, port }, context);
  const ports = policy.mode === 'audit' ? [...allowed, ...undenied] : allowed;
  const first = ports[0];
  if (first !== undefined) {
    const verdict = judge(first.low);
    if (verdict.kind === 'resolve') {
      const { decision, reason, rule } = verdict;
      if (reason === 'rule' || reason === 'no_rule' || reason === 'port_not_allowed')
        return { name, decision, reason, ...(rule !== undefined && { rule }), ports };
    }
  }
  const verdict = judge(HTTPS);
  const rule = verdict.kind === 'settled' ? verdict.decision.rule : undefined;
  const denied = covered || undenied.length === 0;
  const reason = denied ? 'denied_by_rule' : 'no_rule';
  return { name, decision: 'deny', reason, ...(denied && rule !== undefined && { rule }) };
}

// The ports on which a policy opens a name. Pure.

/** The ports of a name, each list sorted. */
interface OpenPorts {
  /** Ports that an allow rule covers and no deny rule. */
  readonly allowed: readonly PortRange[];
  /** Ports that no deny rule covers: mode audit allows them. */
  readonly undenied: readonly PortRange[];
  /** Whether an allow rule covers the name, even if a deny rule does too. */
  readonly covered: boolean;
}

/**
 * Finds the ports on which a name is open: `judgeRequest` would resolve it there.
 *
 * @param policy the rules
 * @param name canonical
 */
export function openPorts({ allow, deny }: Policy, name: string): OpenPorts {
  const covering = isLocalhost(name) ? present(allow.names.get(name)) : tablesOfName(name, allow);
  if (name.includes('.') && !isLocalhost(name)) covering.push(allow.any);
  const covered = rangesOf(covering);
  const denied = rangesOf([...tablesOfName(name, deny), deny.any]);
  return {
    allowed: subtract(covered, denied),
    undenied: subtract(EVERY_PORT, denied),
    covered: covered.length > 0,
  };
}

/** The tables of a name and of the wildcards over it, without `*`. */
function tablesOfName(name: string, { names, apexes, below }: RuleIndex): PortTable[] {
  const tables = [...present(names.get(name)), ...present(apexes.get(name))];
  if (below.size === 0) return tables;
  for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
    tables.push(...present(below.get(name.slice(dot + 1))));
  }
  return tables;
}

function present(table: PortTable | undefined): PortTable[] {
  return table === undefined ? [] : [table];
}

function rangesOf(tables: readonly PortTable[]): readonly PortRange[] {
  return joinRanges(tables.flatMap(({ ranges }) => ranges));
}

/** The parts of sorted and joined ranges that are in none of the others. */
function subtract(ranges: readonly PortRange[], others: readonly PortRange[]): readonly PortRange[] {
  if (others.length === 0) return ranges;
  const left: PortRange[] = [];
  let index = 0;
  for (const { low, high } of ranges) {
    let from = low;
    for (let other = others[index]; other && other.low <= high; other = others[index]) {
      if (other.low > from) left.push({ low: from, high: other.low - 1 });
      from = Math.max(from, other.high + 1);
      // A range that continues past this one counts for the next one too.
      if (other.high > high) break;
      index += 1;
    }
    if (from <= high) left.push({ low: from, high });
  }
  return left;
}

// Which addresses of a name the DNS of a sandbox may answer. The question has no port. Pure.

/** Ports that are tried for an address, half of them from the name's rules and half from the address's. If none is open, it is dropped. */
const MAX_TRIED_PORTS = 64;

interface KeptAddresses {
  /** In the order of the answer. */
  readonly kept: readonly Address[];
  readonly dropped: readonly DroppedAddress[];
  /** If none is kept: the decision on port 443, or on the first open port of the name. */
  readonly refusal: Decision | undefined;
}

/**
 * Keeps the addresses that a connect to the name may dial on at least one port. In mode audit, the special addresses of a name with no other: the
 * connect is refused, and only then the port of the rules that are missing is known.
 *
 * @param policy the rules that the verdict is from
 * @param name as judged
 * @param addresses at least one
 * @param context this host's addresses and listeners
 * @param judge the verdict on the name for a port
 */
export function keepAddresses(
  policy: Policy,
  name: OpenName,
  addresses: readonly Address[],
  context: HostContext,
  judge: (port: number) => RequestVerdict = (port) =>
    judgeRequest(policy, { host: name.name, port }, context),
): KeptAddresses {
  const dialled = new Set<Address>();
  let left = addresses;
  let first: Decision | undefined;
  for (const port of triedPorts(policy, name.ports, addresses, context)) {
    const verdict = judge(port);
    if (verdict.kind !== 'resolve') continue;
    const decision = judgeAddresses(policy, verdict, left, context);
    first ??= decision;
    for (const address of decision.dial) dialled.add(address);
    left = left.filter((address) => !dialled.has(address));
    if (left.length === 0) break;
  }
  const dropped = first?.dropped.filter(({ address }) => left.includes(address)) ?? [];
  const kept = addresses.filter((address) => dialled.has(address));
  if (kept.length > 0) return { kept, dropped, refusal: undefined };
  const shown =
    /* protects: G7 special addresses are answered in mode audit alone => true */ policy.mode === 'audit' &&
    first?.reason === 'address_special' &&
    !isLocalhost(name.name)
      ? addresses.filter((address) => !isSandboxAddress(address))
      : [];
  return shown.length > 0
    ? { kept: shown, dropped: dropped.filter(({ address }) => !shown.includes(address)), refusal: undefined }
    : { kept, dropped, refusal: first };
}

/** At least one port of each range within which every port has the same verdict: first 443, then the ports of the name's rules. */
function* triedPorts(
  policy: Policy,
  ports: readonly PortRange[],
  addresses: readonly Address[],
  { listeners }: HostContext,
): Generator<number> {
  if (ports.some(({ low, high }) => low <= HTTPS && HTTPS <= high)) yield HTTPS;
  for (const { low } of ports.slice(0, MAX_TRIED_PORTS / 2)) yield low;
  const bounds = new Set<number>();
  for (const { port } of listeners) bounds.add(port).add(port + 1);
  for (const address of addresses) addBounds(policy, address, bounds);
  let tried = 0;
  for (const port of bounds) {
    if (!ports.some(({ low, high }) => port > low && port <= high)) continue;
    tried += 1;
    if (tried > MAX_TRIED_PORTS / 2) return;
    yield port;
  }
}

function addBounds({ allow, deny }: Policy, address: Address, bounds: Set<number>): void {
  const denied = [address, ...embeddedIpv4(address).map((inner) => inner.address)];
  const tables = [
    ...tablesOfAddress(address, allow),
    ...denied.flatMap((denial) => tablesOfAddress(denial, deny)),
  ];
  for (const table of tables) for (const { low, high } of table.ranges) bounds.add(low).add(high + 1);
}

function tablesOfAddress(address: Address, { prefixes, classes }: RuleIndex): readonly PortTable[] {
  const tables: PortTable[] = [];
  for (let node = prefixes.find(address); node; node = node.parent) tables.push(node.value);
  return [...tables, ...classesAround(address).flatMap((name) => present(classes.get(name)))];
}
