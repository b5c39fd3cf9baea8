// How a plugin's connections leave this host: through which proxy, from which address, and whether with a mark. Values only.
import type { ProxyAddress, ViaLine } from '../../shared/config/via-config.js';
import { type Address, parseAddress } from '../../shared/policy/address.js';
import type { Policy } from '../../shared/policy/policy.js';

/** A proxy that the operator names. It is trusted less than the rules: its bytes are hostile. */
export type UpstreamProxy = NonNullable<ViaLine['proxy']>;

/** The addresses that sockets are bound to before they connect, one of each family at most. */
type Sources = Readonly<Partial<Record<4 | 6, Address>>>;

export interface Upstream {
  /** Missing: the broker dials the destination itself. */
  readonly proxy?: UpstreamProxy | undefined;
  /** Its deny rules cover what goes around the proxy. Missing: nothing does. */
  readonly direct?: Policy | undefined;
  /** Missing: the kernel picks the address. */
  readonly sources?: Sources | undefined;
  /** SO_MARK of the sockets. Missing: they have none. */
  readonly mark?: number | undefined;
}

/** Every connection goes straight to its destination, from an address that the kernel picks. */
export const STRAIGHT: Upstream = {};

/** @param line as the supervisor checked it @param direct see {@link Upstream} */
export function upstreamOf({ proxy, source = [], mark }: ViaLine, direct?: Policy): Upstream {
  const sources: Partial<Record<4 | 6, Address>> = {};
  for (const address of source.map(parseAddress))
    if (address !== undefined) sources[address.family] = address;
  return { proxy, direct, sources: source.length > 0 ? sources : undefined, mark };
}

/** The proxy for the log: without credentials. */
export function proxyText({ kind, host, port }: ProxyAddress): string {
  return `${kind}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
