// The result of `learn` as data: the rules, sorted, and what could not become one.
import { formatRule } from '../../../shared/policy/format-rule.js';
import { type Host, parseHost } from '../../../shared/policy/parse-host.js';

export interface LearntRule {
  readonly rule: string;
  readonly host: string;
  readonly ports: readonly number[];
  /** Whether a connection was made, on any of the ports. */
  readonly connected: boolean;
}

/** A refusal that audit mode keeps: by a deny rule, of a special address, or of a socket of the host. */
export interface LearntRefusal {
  readonly message: string;
  readonly reason: string;
  readonly suggestion: string | null;
}

export interface Learnt {
  readonly rules: readonly LearntRule[];
  /** Names that were asked for and never connected to. */
  readonly looked_up: readonly string[];
  /** Names that share an address: a connect to it may have meant any of them. */
  readonly shared: readonly (readonly string[])[];
  readonly refused: readonly LearntRefusal[];
  /** How many connects and questions were left out, because there were too many. */
  readonly missed: number;
}

/** @param endpoints ports by host, each with whether a connection was made */
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

/** Names in alphabetical order, then addresses by their bytes, IPv4 first. */
function compareHosts(a: Host, b: Host): number {
  if (a.kind === 'address' && b.kind === 'address')
    return a.address.family - b.address.family || Buffer.compare(a.address.bytes, b.address.bytes);
  if (a.kind !== b.kind) return a.kind === 'name' ? -1 : 1;
  return textOf(a) < textOf(b) ? -1 : 1;
}
