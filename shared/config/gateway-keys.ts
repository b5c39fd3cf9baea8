// `secrets` of a file and `gateway` of a plugin, as written and as values. gateway-config.ts makes the values.

import type { HookCommand } from './hook-command.js';

/** A secret as written: one of these keys. */
export interface WrittenSecret {
  readonly file?: string | undefined;
  readonly env?: string | undefined;
  readonly credential?: string | undefined;
  readonly command?: readonly string[] | undefined;
}

export const REFLECT = ['mask', 'allow'] as const;
export const DEFAULT_REFLECT: (typeof REFLECT)[number] =
  /* protects: G23 gateway: by default a secret that comes back is masked => 'allow' */ 'mask';

/** Names of secrets, and what a signature is for. */
export interface AwsKeys {
  readonly access_key_id: string;
  readonly secret_access_key: string;
  readonly session_token?: string | undefined;
  readonly region: string;
  readonly service: string;
}

export const AWS_SECRETS = ['access_key_id', 'secret_access_key', 'session_token'] as const;

/** What a request is signed by, as a header or in its query, in lower case. Each of them goes. */
export const AWS_SIGNATURE: ReadonlySet<string> = new Set([
  ...['authorization', 'x-amz-date', 'x-amz-content-sha256', 'x-amz-security-token', 'x-amz-s3session-token'],
  ...['x-amz-algorithm', 'x-amz-credential', 'x-amz-expires', 'x-amz-signature', 'x-amz-signedheaders'],
  ...['x-amz-region-set', 'awsaccesskeyid'],
]);

export interface WrittenGateway {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly placeholder?:
    | { readonly name: string; readonly secret: string; readonly in: readonly string[] }
    | undefined;
  readonly sign?: { readonly aws: AwsKeys } | undefined;
  readonly allow?: readonly string[] | undefined;
  readonly deny?: readonly string[] | undefined;
  readonly ca?: string | undefined;
  readonly client?: { readonly cert: string; readonly key: string } | undefined;
  readonly addresses?: readonly string[] | undefined;
  readonly base_url?: boolean | undefined;
  readonly reflect?: (typeof REFLECT)[number] | undefined;
}

/** The least `total_memory_mib` beside a gateway: what its process needs, and some more for the program. */
export const GATEWAY_MIB = 128;

/** Where a secret is read. Its value is in no configuration: no text that is made of one has it. */
export type SecretSource =
  | { readonly from: 'given'; readonly read: () => string }
  | { readonly from: 'file'; readonly path: string }
  | { readonly from: 'env'; readonly variable: string }
  | { readonly from: 'credential'; readonly name: string }
  | { readonly from: 'command'; readonly command: HookCommand };

/** The values that an application has given itself, by name. A function, since no JSON holds one and nothing prints what it returns. */
export type GivenSecrets = ReadonlyMap<string, () => string>;

/** A host whose TLS ends at the gateway. */
export interface GatewayHost {
  /** Canonical, an exact name. */
  readonly host: string;
  /** Those that the plugin's rules open, each with a listener. */
  readonly ports: readonly number[];
  readonly headers: Readonly<Record<string, string>>;
  readonly placeholder?: WrittenGateway['placeholder'];
  /** Each request is signed with these keys. */
  readonly aws?: AwsKeys | undefined;
  /** Rules for methods and paths, with the presets' own. */
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  /** A file with the certificates that may sign the upstream's, absolute. */
  readonly ca?: string | undefined;
  /** Files with a certificate and its key, for an upstream that asks for one; absolute. */
  readonly client?: { readonly cert: string; readonly key: string } | undefined;
  /** Rules for special addresses that the host may have. They count for the gateway alone. */
  readonly addresses?: readonly string[] | undefined;
  /** Whether programs in the sandbox may talk to it without TLS. */
  readonly baseUrl?: boolean | undefined;
  readonly masks: boolean;
}

/** Variables about which a gateway decides: those with secrets, and those in which the program finds a placeholder. */
export function variablesOfGateway({
  gateway = [],
  secrets,
  otherSecrets,
}: {
  readonly gateway?: readonly GatewayHost[] | undefined;
  readonly secrets?: Readonly<Record<string, SecretSource>> | undefined;
  readonly otherSecrets?: Readonly<Record<string, SecretSource>> | undefined;
}): { readonly secrets: readonly string[]; readonly placeholders: readonly string[] } {
  return {
    secrets: Object.values({ ...secrets, ...otherSecrets }).flatMap((source) =>
      source.from === 'env' ? [source.variable] : [],
    ),
    placeholders: gateway.flatMap(({ placeholder }) => placeholder?.name ?? []),
  };
}
