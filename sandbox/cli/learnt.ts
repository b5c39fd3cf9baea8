// What was learnt, as data: the rules in their order.
import { formatRule } from '../../shared/policy/format-rule.js';
import { type Host, parseHost } from '../../shared/policy/parse-host.js';

export interface LearntRule {
  readonly rule: string;
  readonly host: string;
  readonly ports: readonly number[];
  /** Whether a connection came about, on any of the ports. */
  readonly connected: boolean;
}

/** What held in audit mode too: a deny rule, or a special address. */
export interface LearntRefusal {
  readonly message: string;
  readonly reason: string;
  readonly suggestion: string | null;
}

export interface Learnt {
  readonly rules: readonly LearntRule[];
  /** Names that were asked for and never connected to. */
  readonly looked_up: readonly string[];
  /** Names that were answered with one address: the connects to it may have meant any of them. */
  readonly shared: readonly (readonly string[])[];
  readonly refused: readonly LearntRefusal[];
  /** How much was left out because it was too much. */
  readonly missed: number;
}

/** @param endpoints ports by host, each with whether a connection came about */
export function learntRules(
  endpoints: ReadonlyMap<string, ReadonlyMap<number, boolean>>,
): readonly LearntRule[] {
  return [...endpoints]
    .flatMap(([text, ports]) => {
      const host = parseHost(text);
      return host === undefined ? [] : [{ host, ports }];
    })
    .sort((a, b) => compareHosts(a.host, b.host))
    .map(({ host, ports }) => ({
      rule: formatRule(host, ports.keys()),
      host: textOf(host),
      ports: [...ports.keys()].sort((a, b) => a - b),
      connected: [...ports.values()].includes(true),
    }));
}

function textOf(host: Host): string {
  return host.kind === 'name' ? host.name : host.address.text;
}

/** Names by the alphabet, then addresses by their bytes, IPv4 first. */
function compareHosts(a: Host, b: Host): number {
  if (a.kind === 'address' && b.kind === 'address')
    return a.address.family - b.address.family || Buffer.compare(a.address.bytes, b.address.bytes);
  if (a.kind !== b.kind) return a.kind === 'name' ? -1 : 1;
  return textOf(a) < textOf(b) ? -1 : 1;
}
