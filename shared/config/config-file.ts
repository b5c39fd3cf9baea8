// postern.yaml as written, without defaults.

import type { Mode } from '../words.js';
import type { ExportSignal } from './export-config.js';
import type { WrittenGateway, WrittenSecret } from './gateway-keys.js';
import type { WrittenLimits } from './limit-forms.js';
import type { PluginKind, Revoke, StopSignal, Unknown } from './plugin-config.js';
import type { WrittenVia } from './via-config.js';

/** Where audit events go unless the file says otherwise. */
export const DEFAULT_AUDIT = 'stderr';
/** What happens to audit events while the log takes none. */
export const WHEN_FULL = ['drop', 'block'] as const;
export type WhenFull = (typeof WHEN_FULL)[number];
export const DEFAULT_WHEN_FULL: WhenFull = 'drop';
/** The form of a line of the audit log. */
export const AUDIT_FORMATS = ['postern', 'ocsf', 'ecs'] as const;
export type AuditFormat = (typeof AUDIT_FORMATS)[number];
export const DEFAULT_AUDIT_FORMAT: AuditFormat = 'postern';
/** How long all plugins together may take to stop. */
export const DEFAULT_STOP_GRACE_MS = 30_000;

/** How long a question about an unknown destination waits for its answer, and at most. */
export const DEFAULT_ASK_S = 60;
export const MOST_ASK_S = 120;

/** A file of rules. */
export interface RuleFile {
  /** Destinations that are allowed, for example `api.example.com` or `10.1.0.0/16:5432`. */
  readonly allow?: readonly string[] | undefined;
  /** Destinations that are denied, whatever is allowed. */
  readonly deny?: readonly string[] | undefined;
}

/** The policy of an organisation: a file of rules that also bounds those of other files. */
export interface PolicyFile extends RuleFile {
  readonly serial?: number | undefined;
  readonly gateway?: Readonly<Record<string, Pick<WrittenGateway, 'allow' | 'deny'>>> | undefined;
}

/** What `run --gateway` reads. */
export interface GatewayFile {
  readonly secrets?: Readonly<Record<string, WrittenSecret>> | undefined;
  readonly gateway: Readonly<Record<string, WrittenGateway>>;
}

/** How often a policy is looked for. */
export const DEFAULT_POLL_S = 300;

/** The keys that `defaults` and each plugin may have. */
export interface DefaultKeys extends RuleFile {
  /** Files with more rules. */
  readonly presets?: readonly string[] | undefined;
  /** Variables. A plugin gets no others of its starter than PATH, LANG and a few more. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Where the program starts. */
  readonly cwd?: string | undefined;
  /** `audit`: what no rule allows is allowed, and reported. */
  readonly mode?: Mode | undefined;
  /** What happens to a destination that no rule allows. Missing: `deny`. */
  readonly unknown?: Unknown | undefined;
  /** `channel`: each connect(2) is refused, and the program asks over its channel. Missing: `transparent`. */
  readonly egress?: 'transparent' | 'channel' | undefined;
  /** Paths of the host that it sees, that it may write, and that it does not see below a visible one. */
  readonly filesystem?:
    | {
        readonly visible?: readonly string[] | undefined;
        readonly writable?: readonly string[] | undefined;
        readonly hidden?: readonly string[] | undefined;
      }
    | undefined;
  /** When a plugin that ended starts again, with the waits before, in milliseconds. */
  readonly restart?:
    | {
        readonly policy?: 'no' | 'on-failure' | 'always' | undefined;
        readonly delay_ms?: number | undefined;
        readonly max_delay_ms?: number | undefined;
        readonly reset_after_ms?: number | undefined;
      }
    | undefined;
  /** The signal that stops it, and how long after that it is killed, in milliseconds. */
  readonly stop?:
    | { readonly signal?: StopSignal | undefined; readonly grace_ms?: number | undefined }
    | undefined;
  /** docs/limits.md has the unit of each. */
  readonly limits?: WrittenLimits | undefined;
  /** A proxy that the network demands, a source address, a mark, DNS servers. */
  readonly via?: WrittenVia | undefined;
  /** System calls besides those that every program has. */
  readonly seccomp?:
    | {
        readonly allow?: readonly string[] | undefined;
        readonly unsafe_allow?: readonly string[] | undefined;
      }
    | undefined;
}

/** The keys that order the plugins of a file. */
export interface OrderKeys {
  readonly kind?: PluginKind | undefined;
  /** One of the first three. */
  readonly ready?:
    | {
        readonly listener?: string | undefined;
        readonly after_ms?: number | undefined;
        readonly notify?: true | undefined;
        readonly timeout_s?: number | undefined;
      }
    | undefined;
  readonly after?: readonly string[] | undefined;
}

/** What a program is started with. */
export interface ProgramKeys extends DefaultKeys {
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** A folder that is its HOME in every run. Missing: each run has an empty one. */
  readonly home?: string | undefined;
  /** Sockets that postern binds and the program inherits, from descriptor 3 on. */
  readonly listen?: readonly { readonly name: string; readonly address: string }[] | undefined;
}

/** Hosts whose connections a gateway makes anew. */
export interface GatewayKeys {
  readonly gateway?: Readonly<Record<string, WrittenGateway>> | undefined;
}

export interface PluginKeys extends ProgramKeys, OrderKeys, GatewayKeys {}

/** Where a secret is read, by its name. */
export type WrittenSecrets = Readonly<Record<string, WrittenSecret>>;

export interface ConfigFile {
  readonly metrics?: string | undefined;
  readonly audit?:
    | string
    | {
        readonly to?: string | undefined;
        readonly format?: AuditFormat | undefined;
        readonly when_full?: WhenFull | undefined;
      }
    | undefined;
  readonly control?: string | undefined;
  readonly ui?: string | { readonly address: string; readonly edit?: boolean | undefined } | undefined;
  readonly dns?: readonly string[] | undefined;
  readonly stop_grace_ms?: number | undefined;
  readonly reload?:
    | { readonly watch?: boolean | undefined; readonly revoke?: Revoke | undefined }
    | undefined;
  readonly ask?:
    | { readonly timeout_s?: number | undefined; readonly hook?: readonly string[] | undefined }
    | undefined;
  readonly secrets?: WrittenSecrets | undefined;
  readonly policy?:
    | {
        readonly url: string;
        readonly poll_s?: number | undefined;
        readonly public_key: string;
        readonly addresses?: readonly string[] | undefined;
      }
    | undefined;
  readonly export?:
    | {
        readonly otlp: string;
        readonly headers_file?: string | undefined;
        readonly ca?: string | undefined;
        readonly signals?: readonly ExportSignal[] | undefined;
        readonly interval_s?: number | undefined;
        readonly addresses?: readonly string[] | undefined;
      }
    | undefined;
  readonly defaults?: DefaultKeys | undefined;
  readonly plugins: Readonly<Record<string, PluginKeys>>;
}
