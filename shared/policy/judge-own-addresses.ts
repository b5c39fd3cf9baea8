// Decides a program's connect to each address that it has for a host, as the trap does: inside first, then the rules. Pure.
import type { AddressClass, Reason } from '../reasons.js';
import type { Address } from './address.js';
import { decide, type HostContext } from './decide.js';
import type { Decision } from './decision.js';
import { judgeBare, pickBest } from './judge-bare.js';
import { makeDecision } from './make-decision.js';
import type { Policy } from './policy.js';
import { isLoopbackAddress } from './sandbox-address.js';
import { staysInside } from './stays-inside.js';
import { suggestAddress } from './suggest-rule.js';
import { weighAddress } from './weigh-address.js';

/** What becomes of one address. */
export interface AddressFate {
  readonly address: Address;
  readonly class: AddressClass;
  /** `inside`: it is the sandbox's own, and the host's is not reached. */
  readonly fate: 'dialed' | 'inside' | Reason;
  /** The deny rule that covers it. */
  readonly rule: string | null;
}

export interface OwnConnectVerdict {
  readonly decision: Decision;
  readonly fates: readonly AddressFate[];
}

/**
 * @param host as the program named it
 * @param addresses at least one
 * @param names that DNS gave the addresses for
 */
export function judgeOwnAddresses(
  policy: Policy,
  { host, port }: { readonly host: string; readonly port: number },
  addresses: readonly Address[],
  names: readonly string[],
  context: HostContext,
): OwnConnectVerdict {
  const judged = addresses.map((address) => {
    const weight = weighAddress(policy, address, port, context);
    const literal = decide(policy, { host: address.text, port }, [], context);
    if (staysInside(policy, address, port)) return { address, class: weight.class, literal };
    const decision = judgeBare(policy, { address, port }, names, literal, context);
    return { address, class: weight.class, decision };
  });
  const fates = judged.map(({ address, class: kind, decision }): AddressFate => {
    const drop = decision?.dropped[0];
    const fate = decision?.decision === 'deny' ? (drop?.reason ?? decision.reason) : 'dialed';
    return { address, class: kind, fate: decision === undefined ? 'inside' : fate, rule: drop?.rule ?? null };
  });
  const [first, ...rest] = judged
    .map(({ decision }) => decision)
    .filter((decision) => decision !== undefined);
  if (first === undefined) return { decision: stays(host, port, judged), fates };
  const best = [...rest].reduce((found, next) => pickBest([found, next]), first);
  const dial = judged
    .filter(({ decision }) => decision !== undefined && decision.decision !== 'deny')
    .map(({ address }) => address);
  return { decision: makeDecision({ ...best, host, dial, dropped: [] }), fates };
}

/** Every address is the sandbox's own. A request on the channel means the host's: other rules can allow that. */
function stays(
  host: string,
  port: number,
  inside: readonly { readonly address: Address; readonly literal?: Decision }[],
): Decision {
  const loopback = inside.map(({ address }) => address).find(isLoopbackAddress);
  const byChannel = inside.find(({ literal }) => literal?.decision === 'allow')?.literal?.rule;
  const cause =
    loopback === undefined
      ? `${inside[0]?.address.text ?? host} is the sandbox itself`
      : `${loopback.text} is the sandbox's own loopback; only a rule for exactly that address and port opens the host's${
          byChannel === undefined ? '' : ` to connect(2). ${byChannel} opens it to the client library`
        }`;
  const suggestion = loopback && suggestAddress(loopback, port);
  return makeDecision({ decision: 'deny', reason: 'address_special', host, port, cause, suggestion });
}
