// The open connections of plugins, and what they use of the network, as the broker counts it and an operator sees it. Types only: the declarations of the
// library have them.
import type { Door } from '../words.js';

/** A connection that a process of a plugin holds. What is null is not known: a broker died before it could note it. */
export interface OpenConnection {
  /** Of its decision in the audit log. */
  readonly decision_id: string | null;
  readonly plugin: string;
  /** The process that asked, on the host. Another one may hold the connection by now. */
  readonly pid: number | null;
  /** Its name, which the program chooses itself. */
  readonly program: string | null;
  /** As it was asked for: a name or an address. */
  readonly host: string | null;
  readonly port: number | null;
  /** The address at the other end; of a connection through a proxy, that of the proxy. */
  readonly dialed: string;
  /** The rule that allowed it. Null also if none did: audit mode, or somebody who was asked. */
  readonly rule: string | null;
  /** `gateway`: the gateway of the plugin holds it. */
  readonly door: Door | 'gateway' | null;
  /** For how long it has been open, in milliseconds. */
  readonly age_ms: number;
  /** Payload that the peer's kernel has acknowledged so far, and payload that this host's kernel has received. Null: the kernel did not say. */
  readonly sent_bytes: number | null;
  readonly received_bytes: number | null;
  /** The kernel's estimate of the round trip to the peer, in milliseconds. Null: it has none, as of a UNIX socket. */
  readonly rtt_ms: number | null;
}

export interface OpenConnections {
  /** Of one plugin after the other, the newest first. */
  readonly connections: readonly OpenConnection[];
  /** How many further ones are open. */
  readonly more: number;
}

export interface PluginUsage {
  readonly plugin: string;
  /** Connections that a process holds. */
  readonly connections: number;
  /**
   * Connects that the rules permitted, and requests that were refused, look-ups included. Counted since this broker began. To the refused ones, the supervisor adds
   * the requests that a gateway has refused since the supervisor began.
   */
  readonly connects: number;
  readonly denials: number;
  /**
   * Payload that peers have acknowledged, and payload that this host has received, since this broker began. Of open connections, as of the last look
   * at each.
   */
  readonly sent_bytes: number;
  readonly received_bytes: number;
  /** Requests that have no answer yet. */
  readonly waiting: number;
}
