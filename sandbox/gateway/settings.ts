// What the supervisor tells a gateway, in a sealed file. Both are postern's own.
import type { AwsKeys } from '../../shared/config/gateway-keys.js';
import type { Mode } from '../../shared/words.js';
import type { Leaf } from './certificates.js';
import type { Placeholder } from './secrets.js';
import type { ClientCertificate } from './upstream-http.js';

export interface GatewaySettings {
  readonly hosts: readonly GatewayHostSettings[];
  /** Names and values. */
  readonly secrets: readonly (readonly [name: string, value: string])[];
  /** What each inherited listener is for, from descriptor 3 on. */
  readonly listeners: readonly ServedPlace[];
}

export interface ServedPlace {
  readonly host: string;
  /** Of the upstream. */
  readonly port: number;
  /** The host's name where programs may talk without TLS. */
  readonly plainName?: string | undefined;
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
  readonly aws?: AwsKeys | undefined;
  readonly masks: boolean;
  /** Certificates in PEM that may sign the upstream's; undefined: those of Node. */
  readonly roots?: string | undefined;
  /** What the upstream gets to know the gateway by. */
  readonly client?: ClientCertificate | undefined;
}

/** Its first line: from now on it accepts. */
export const READY = 'ready';
/** A request has come, and its event will follow. */
export const BEGUN = 'begun';

/** The first inherited listener. */
export const FIRST_LISTENER_FD = 3;
