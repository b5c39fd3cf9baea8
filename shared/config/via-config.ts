// How a plugin's connections leave the host (`via`), as values. Pure.

export const PROXY_KINDS = ['http', 'socks5'] as const;

/** Where a proxy is. `host` is a name or an address without brackets. */
export interface ProxyAddress {
  readonly kind: (typeof PROXY_KINDS)[number];
  readonly host: string;
  /** 1 to 65535 */
  readonly port: number;
}

/**
 * Who resolves a name that a proxy leads to.
 * - host: postern resolves it, and the proxy gets an address that was checked
 * - both: postern resolves it and checks the addresses; the proxy gets the name, and resolves it again
 * - proxy: the proxy alone resolves it, and no address is checked
 */
export const RESOLVES = ['host', 'both', 'proxy'] as const;
export type Resolves = (typeof RESOLVES)[number];
export const DEFAULT_RESOLVES: Resolves =
  /* protects: G6 upstream: by default a proxy gets no name that it would look up anew => 'both' */ 'host';
/** The word in the place of a proxy: a plugin goes without the proxy of `defaults`. */
export const NO_PROXY = 'none';

/** The mark of a socket has 32 bits. 0 means that there is none. */
export const MOST_MARK = 0xffff_ffff;

/** `via` as written. */
export interface WrittenVia {
  readonly proxy?: string | undefined;
  readonly credentials_file?: string | undefined;
  readonly resolve?: Resolves | undefined;
  readonly direct?: readonly string[] | undefined;
  readonly source?: string | readonly string[] | undefined;
  readonly mark?: number | undefined;
  readonly resolvers?: readonly string[] | undefined;
}

/** `via` of a plugin, with defaults. */
export interface ViaConfig {
  readonly proxy?: ProxyAddress | undefined;
  /** The path of the file with `USER:PASSWORD`. The credentials themselves are in no configuration. */
  readonly credentialsFile?: string | undefined;
  readonly resolve: Resolves;
  /** Rules of what goes around the proxy, each read as a deny rule. */
  readonly direct: readonly string[];
  /** Addresses of this host, one of each family at most. */
  readonly source: readonly string[];
  /** SO_MARK of the plugin's connections, 1 to 2^32 - 1. */
  readonly mark?: number | undefined;
  /** DNS servers of this plugin, as `ADDRESS` or `ADDRESS:PORT`. Empty: those of every plugin. */
  readonly resolvers: readonly string[];
}

/** What a proxy is told about who asks. Never logged. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** `via` of a plugin as the broker gets it. */
export interface ViaLine {
  readonly proxy?:
    | (ProxyAddress & { readonly resolve: Resolves; readonly credentials?: Credentials | undefined })
    | undefined;
  readonly direct?: readonly string[] | undefined;
  readonly source?: readonly string[] | undefined;
  /** The broker may not set it itself: the supervisor marks each socket. */
  readonly mark?: number | undefined;
  readonly resolvers?: readonly string[] | undefined;
}
