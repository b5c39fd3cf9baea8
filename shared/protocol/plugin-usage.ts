// What the plugins use of the network, as the broker counts it and an operator sees it. Types only.

export interface PluginUsage {
  readonly plugin: string;
  /** Connections that a process holds. */
  readonly connections: number;
  /** Connects that the rules permitted, and requests that were refused, look-ups included. Counted since this broker began. */
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
