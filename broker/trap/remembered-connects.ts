// The destinations that one sandbox has connected to the general way, and that it may connect to ordinarily (ordinary-connect.ts): their verdicts, found by
// number. A verdict is a pure function of what isCurrent() compares. Runs in the broker.

import { boundsEachConnect, type Limits } from '../../shared/config/limit-forms.js';
import { REMEMBERED_VERDICTS } from '../../shared/limits.js';
import type { Address } from '../../shared/policy/address.js';
import type { HostContext } from '../../shared/policy/host-block.js';
import type { Policy } from '../../shared/policy/policy.js';
import { type Endpoint, familyOf, portOf } from '../../shared/sys/sockaddr.js';
import { inetForm } from '../caller/caller-memory.js';
import type { Grants } from '../dns/grants.js';
import type { Judgement } from '../request/judgement.js';
import type { Plugin, Services } from '../request/plugin.js';
import type { Upstream } from '../upstream/upstream.js';

/** A destination, and what was decided about it. */
interface RememberedConnect {
  readonly judgement: Judgement;
  readonly address: Address;
  readonly endpoint: Endpoint;
  readonly family: 4 | 6;
  /** By the clock of the grants: from then on one of its names counts no more. */
  readonly until: number;
}

export class RememberedConnects {
  readonly #services: Pick<Services, 'host'>;
  readonly #plugin: Pick<Plugin, 'policy' | 'limits' | 'upstream'>;
  readonly #grants: Grants;
  /** By keyOf(). Two destinations may have one key: the later one is remembered. */
  readonly #known = new Map<number, RememberedConnect>();
  #policy: Policy | undefined;
  #limits: Limits | undefined;
  #upstream: Upstream | undefined;
  #host: HostContext | undefined;
  #granted = 0;

  constructor(
    services: Pick<Services, 'host'>,
    plugin: Pick<Plugin, 'policy' | 'limits' | 'upstream'>,
    grants: Grants,
  ) {
    this.#services = services;
    this.#plugin = plugin;
    this.#grants = grants;
  }

  /** @param raw a struct sockaddr @param domain of the socket */
  find(raw: Uint8Array, domain: number): RememberedConnect | undefined {
    const { at, bytes: size, least } = inetForm(domain);
    if (raw.length < least || familyOf(raw) !== domain) return undefined;
    const port = portOf(raw);
    const known = this.#isCurrent() ? this.#known.get(keyOf(raw, at, size, port)) : undefined;
    if (known === undefined) return undefined;
    const { endpoint, judgement, address, until } = known;
    // protects: G5 an ordinary connect goes where its verdict is about
    if (endpoint.port !== port || !isAt(raw, at, endpoint.bytes)) return undefined;
    // protects: G7 an ordinary connect under a name ends with the grant
    if (this.#grants.now() >= until) return undefined;
    if (judgement.names?.length !== 0) this.#grants.use(address.text);
    return known;
  }

  /** A connect to this address was decided, and is dialled. Nothing is remembered of one that is not ordinary. */
  note(address: Address, family: 4 | 6, judgement: Judgement): void {
    const { limits, upstream, policy } = this.#plugin;
    const { decision, dnsMs } = judgement;
    const { reason, port, dial } = decision;
    // protects: G20 an approval makes no connect ordinary
    if (decision.decision !== 'allow' || reason !== 'rule' || judgement.policy !== policy) return;
    if (dnsMs !== null || dial[0]?.text !== address.text || address.family !== family) return;
    // protects: G6 a connect with a proxy, a source address or a mark is not ordinary
    if (upstream.proxy !== undefined || upstream.sources !== undefined || upstream.mark !== undefined) return;
    // protects: G22 a connect whose bytes are limited is not ordinary
    if (boundsEachConnect(limits)) return;
    // find() has looked before this was decided.
    // protects: G7 what was decided while something changed makes no connect ordinary => this.#isCurrent();
    if (!this.#isCurrent()) return;
    if (this.#known.size >= REMEMBERED_VERDICTS) this.#known.clear();
    const { bytes } = address;
    const until = this.#grants.sameUntil(address);
    const endpoint = { bytes, port };
    this.#known.set(keyOf(bytes, 0, bytes.length, port), { judgement, address, endpoint, family, until });
  }

  /** Whether all that decides is as it was. If not, the verdicts are void. */
  #isCurrent(): boolean {
    const { policy, limits, upstream } = this.#plugin;
    const host = this.#services.host.context();
    const { version: granted } = this.#grants;
    const isCurrent =
      /* protects: G7 an ordinary connect of former rules is decided anew => true */ policy ===
        this.#policy &&
      /* protects: G7 an ordinary connect of former host addresses is decided anew => true */ host ===
        this.#host &&
      /* protects: G7 an ordinary connect of former grants is decided anew => true */ granted ===
        this.#granted &&
      /* protects: G6 an ordinary connect of a former upstream is decided anew => true */ upstream ===
        this.#upstream &&
      /* protects: G22 an ordinary connect of former limits is decided anew => true */ limits ===
        this.#limits;
    if (isCurrent) return true;
    this.#known.clear();
    [this.#policy, this.#host, this.#granted] = [policy, host, granted];
    [this.#upstream, this.#limits] = [upstream, limits];
    return false;
  }
}

/** FNV-1a, and the port above it. @param at where the address begins */
function keyOf(from: Uint8Array, at: number, size: number, port: number): number {
  let hash = 0x811c9dc5;
  for (let index = at; index < at + size; index += 1) hash = Math.imul(hash ^ (from[index] ?? 0), 0x01000193);
  return port * 2 ** 32 + (hash >>> 0);
}

function isAt(raw: Uint8Array, at: number, bytes: Uint8Array): boolean {
  for (let index = 0; index < bytes.length; index += 1) if (raw[at + index] !== bytes[index]) return false;
  return true;
}
