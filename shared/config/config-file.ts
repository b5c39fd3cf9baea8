// postern.yaml as written, without defaults.

import type { Mode } from '../words.js';
import type { WrittenLimits } from './limit-forms.js';
import type { PluginKind, Revoke, StopSignal, Unknown } from './plugin-config.js';
import type { WrittenVia } from './via-schema.js';

/** Where audit events go unless the file says otherwise. */
export const DEFAULT_AUDIT = 'stderr';
/** What happens to audit events while the log takes none. */
export const WHEN_FULL = ['drop', 'block'] as const;
export type WhenFull = (typeof WHEN_FULL)[number];
export const DEFAULT_WHEN_FULL: WhenFull = 'drop';
/** How long all plugins together may take to stop. */
export const DEFAULT_STOP_GRACE_MS = 30_000;

/** How long a question about an unknown destination waits for its answer, and at most. */
export const DEFAULT_ASK_S = 60;
export const MOST_ASK_S = 120;

/** A file of rules. */
export interface RuleFile {
  readonly allow?: readonly string[] | undefined;
  readonly deny?: readonly string[] | undefined;
}

/** The keys that `defaults` and each plugin may have. */
export interface DefaultKeys extends RuleFile {
  readonly presets?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
  readonly mode?: Mode | undefined;
  readonly unknown?: Unknown | undefined;
  readonly egress?: 'transparent' | 'channel' | undefined;
  readonly filesystem?:
    | {
        readonly visible?: readonly string[] | undefined;
        readonly writable?: readonly string[] | undefined;
        readonly hidden?: readonly string[] | undefined;
      }
    | undefined;
  readonly restart?:
    | {
        readonly policy?: 'no' | 'on-failure' | 'always' | undefined;
        readonly delay_ms?: number | undefined;
        readonly max_delay_ms?: number | undefined;
        readonly reset_after_ms?: number | undefined;
      }
    | undefined;
  readonly stop?:
    | { readonly signal?: StopSignal | undefined; readonly grace_ms?: number | undefined }
    | undefined;
  readonly limits?: WrittenLimits | undefined;
  readonly via?: WrittenVia | undefined;
  readonly seccomp?:
    | {
        readonly allow?: readonly string[] | undefined;
        readonly unsafe_allow?: readonly string[] | undefined;
      }
    | undefined;
}

export interface PluginKeys extends DefaultKeys {
  readonly command: readonly string[];
  readonly home?: string | undefined;
  readonly listen?: readonly { readonly name: string; readonly address: string }[] | undefined;
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

export interface ConfigFile {
  readonly metrics?: string | undefined;
  readonly audit?:
    | string
    | { readonly to?: string | undefined; readonly when_full?: WhenFull | undefined }
    | undefined;
  readonly control?: string | undefined;
  readonly dns?: readonly string[] | undefined;
  readonly stop_grace_ms?: number | undefined;
  readonly reload?:
    | { readonly watch?: boolean | undefined; readonly revoke?: Revoke | undefined }
    | undefined;
  readonly ask?:
    | { readonly timeout_s?: number | undefined; readonly hook?: readonly string[] | undefined }
    | undefined;
  readonly defaults?: DefaultKeys | undefined;
  readonly plugins: Readonly<Record<string, PluginKeys>>;
}
