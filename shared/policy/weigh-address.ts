// Judges one address on one port. Special blocks are opened here and nowhere else.
import type { AddressClass } from '../words.js';
import type { Address } from './address.js';
import { type HostContext, hostBlock } from './host-block.js';
import type { Rule } from './parse-rule.js';
import type { Policy } from './policy.js';
import { familyBits } from './prefix.js';
import type { RuleIndex } from './rule-index.js';
import { classesAround, embeddedIpv4, findBlock } from './special-blocks.js';

/** An address, weighed. */
export interface Weight {
  readonly class: AddressClass;
  /** The purpose of the innermost block; undefined for a public address and for one of this host. */
  readonly purpose: string | undefined;
  /** The least length of a prefix that lies wholly inside that block; 0 for a public address. */
  readonly shortest: number;
  /** The deny rule that covers it. It wins. */
  readonly denied: Rule | undefined;
}

/**
 * Weighs an address.
 *
 * @param policy the rules
 * @param address a literal, or an address of a name
 * @param port 1 to 65535
 * @param context this host's addresses and listeners, each of which is a special block
 */
export function weighAddress(policy: Policy, address: Address, port: number, context: HostContext): Weight {
  const block = findBlock(address);
  const denied = findDeny(policy.deny, address, port);
  const host = hostBlock(address, port, context);
  if (host) return { class: host, purpose: undefined, shortest: familyBits(address.family), denied };
  return { class: block?.class ?? 'public', purpose: block?.purpose, shortest: block?.length ?? 0, denied };
}

/**
 * The allow rule that admits an address. It covers the address; if the address is special, the rule must lie wholly inside its block.
 *
 * @param allow the allow list
 * @param address that was weighed and is not denied
 * @param port 1 to 65535
 * @param weight its weight on that port
 */
export function findAdmission(
  allow: RuleIndex,
  address: Address,
  port: number,
  weight: Weight,
): Rule | undefined {
  if (weight.class === 'listener') return findListenerRule(allow, address, port);
  return allow.matchAddress(address, port, weight.shortest).rule ?? allow.matchClass(weight.class, port).rule;
}

/**
 * Whether an allow rule for addresses covers a literal address, inside its block or not. The reason of a refusal depends on it.
 *
 * @returns `covered`: a rule covers it on this port; `other_port`: only on another port; else `uncovered`
 */
export function coverage(
  policy: Policy,
  address: Address,
  port: number,
): 'covered' | 'other_port' | 'uncovered' {
  const blockClass = findBlock(address)?.class ?? 'public';
  const byPrefix = policy.allow.matchAddress(address, port);
  const byClass = policy.allow.matchClass(blockClass, port);
  if (byPrefix.rule || byClass.rule) return 'covered';
  return byPrefix.otherPort || byClass.otherPort ? 'other_port' : 'uncovered';
}

/** A deny rule covers an address in every form: as it is, and inside an IPv6 address that leads to it. */
function findDeny(deny: RuleIndex, address: Address, port: number): Rule | undefined {
  const rule = deny.matchAddress(address, port).rule ?? findClassDeny(deny, address, port);
  if (rule) return rule;
  for (const { address: inner } of embeddedIpv4(address)) {
    const innerRule = findDeny(deny, inner, port);
    if (innerRule) return innerRule;
  }
  return deny.matchAny(port).rule;
}

function findClassDeny(deny: RuleIndex, address: Address, port: number): Rule | undefined {
  if (deny.classes.size === 0) return undefined;
  for (const name of /* protects: G7 deny: a class is denied with the blocks inside its own => $&.slice(0, 1) */ classesAround(
    address,
  )) {
    const { rule } = deny.matchClass(name, port);
    if (rule) return rule;
  }
  return undefined;
}

/** The block of a listener is one address and one port, so a rule must name exactly both. */
function findListenerRule(allow: RuleIndex, address: Address, port: number): Rule | undefined {
  const node = allow.prefixes.find(address);
  if (node?.prefix.length !== familyBits(address.family)) return undefined;
  return node.value.rules.find(({ ports: [first, second] }) => {
    return first?.low === port && first.high === port && second === undefined;
  });
}
