// What the supervisor tells a gateway, in a sealed file. Both are postern's own.
import type { Mode } from '../../shared/words.js';
import type { Leaf } from './certificates.js';
import type { Placeholder } from './secrets.js';

export interface GatewaySettings {
  readonly hosts: readonly GatewayHostSettings[];
  /** Names and values. */
  readonly secrets: readonly (readonly [name: string, value: string])[];
  /** What each inherited listener is for, from descriptor 3 on. */
  readonly listeners: readonly { readonly host: string; readonly port: number }[];
}

interface GatewayHostSettings {
  readonly host: string;
  readonly leaf: Leaf;
  readonly mode: Mode;
  /** Rules for methods and paths, as text. */
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  /** Headers as the configuration has them: `Bearer {github}`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly placeholder?: Placeholder | undefined;
  readonly masks: boolean;
  /** Certificates in PEM that may sign the upstream's; undefined: those of Node. */
  readonly roots?: string | undefined;
}

/** The first inherited listener. */
export const FIRST_LISTENER_FD = 3;
