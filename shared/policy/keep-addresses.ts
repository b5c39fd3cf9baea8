// Which addresses of a name the DNS of a sandbox may answer. The question has no port. Pure.
import type { Address } from './address.js';
import type { Decision, DroppedAddress, RequestVerdict } from './decision.js';
import { embeddedIpv4 } from './embedded-ipv4.js';
import { findBlock } from './find-block.js';
import type { HostContext } from './host-block.js';
import { judgeAddresses } from './judge-addresses.js';
import type { OpenName } from './judge-name.js';
import { judgeRequest } from './judge-request.js';
import type { PortRange } from './parse-ports.js';
import type { Policy } from './policy.js';
import type { PortTable } from './port-table.js';
import type { RuleIndex } from './rule-index.js';

/** Ports that are tried for an address, half of them from the name's rules and half from the address's. If none is open, it is dropped. */
const MAX_TRIED_PORTS = 64;
const HTTPS = 443;

export interface KeptAddresses {
  /** In the order of the answer. */
  readonly kept: readonly Address[];
  readonly dropped: readonly DroppedAddress[];
  /** If none is kept: the decision on port 443, or on the first open port of the name. */
  readonly refusal: Decision | undefined;
}

/**
 * Keeps the addresses that a connect to the name may dial on at least one port.
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
  return { kept, dropped, refusal: kept.length === 0 ? first : undefined };
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
  const tables = [...tablesOver(address, allow), ...denied.flatMap((denial) => tablesOver(denial, deny))];
  for (const table of tables) for (const { low, high } of table.ranges) bounds.add(low).add(high + 1);
}

function tablesOver(address: Address, { prefixes, classes }: RuleIndex): readonly PortTable[] {
  const tables: PortTable[] = [];
  for (let node = prefixes.find(address); node; node = node.parent) tables.push(node.value);
  const ofClass = classes.get(findBlock(address)?.class ?? 'public');
  return ofClass === undefined ? tables : [...tables, ofClass];
}
