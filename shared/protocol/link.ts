// The link between supervisor and broker: JSON lines over a stream for words, packets over a SOCK_SEQPACKET pair for
// descriptors. Both ends are postern's; the supervisor still checks what it reads, since the broker parses hostile bytes.

import type { AddressClass, DecisionWord, Limit, Mode, Reason } from '../reasons.js';
import type { AuditEvent } from './audit-events.js';

/** Descriptor numbers that a broker finds at its start. */
export const BROKER_LINE_FD = 3;
export const BROKER_DESCRIPTOR_FD = 4;
/** The argument of a broker that takes on other ids, for which it needs root's capabilities: it loses them by that. */
export const KEEPS_CAPABILITIES = 'keeps-capabilities';

/** One of postern's own listening sockets. */
export interface ListenerAddress {
  readonly address: string;
  readonly port: number;
}

export interface PluginLimits {
  readonly concurrentRequests: number;
  readonly queuedRequests: number;
  readonly requestsPerSecond: number;
  /** Of its sandbox's DNS. */
  readonly questionsPerSecond: number;
  /** Audit events that are written. */
  readonly logLinesPerSecond: number;
  /** Open connections: a `connections` packet bears the memory for them. Absent: no limit. */
  readonly connections?: number | undefined;
}

/** Supervisor to broker, as lines. `start` is the first and comes once. */
export type SupervisorLine =
  | {
      readonly type: 'start';
      /** Ids to take on for good, where the broker begins as root. */
      readonly becomeIds?: { readonly uid: number; readonly gid: number } | undefined;
      /** With these ids: what /proc/self/ns/mnt says in the supervisor. */
      readonly supervisorMounts?: string | undefined;
      /** DNS servers as `ADDRESS` or `ADDRESS:PORT`; absent: those of /etc/resolv.conf. */
      readonly dnsServers?: readonly string[] | undefined;
      readonly listeners: readonly ListenerAddress[];
    }
  | {
      readonly type: 'plugin';
      readonly plugin: string;
      readonly allow: readonly string[];
      readonly deny: readonly string[];
      readonly mode: Mode;
      readonly limits: PluginLimits;
    }
  | { readonly type: 'forget'; readonly plugin: string }
  /** The answer to `session_ended`: the ends of the channel are the broker's alone. */
  | { readonly type: 'session_dropped'; readonly session: number }
  /** The supervisor could not write this many audit events: they count as dropped. */
  | { readonly type: 'audit_dropped'; readonly events: number }
  /** What a limit that the supervisor holds has refused a plugin; 0 times where it is the first word of that limit. */
  | { readonly type: 'limited'; readonly plugin: string; readonly limit: Limit; readonly times: number }
  | { readonly type: 'metrics'; readonly id: number }
  /** What would be decided; with `resolved`, if DNS answered these addresses. */
  | {
      readonly type: 'explain';
      readonly id: number;
      readonly plugin: string;
      readonly host: string;
      readonly port: number;
      readonly resolved?: readonly string[] | undefined;
    };

/** Broker to supervisor, as lines. */
export type BrokerLine =
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly message: string; readonly fix?: string | undefined }
  | { readonly type: 'plugin_ready'; readonly plugin: string; readonly policyHash: string }
  | { readonly type: 'plugin_refused'; readonly plugin: string; readonly problems: readonly string[] }
  | { readonly type: 'audit'; readonly line: AuditEvent }
  | { readonly type: 'metrics'; readonly id: number; readonly text: string }
  | { readonly type: 'explained'; readonly id: number; readonly explanation: Explanation }
  /** A session has ended: the supervisor lets go of the ends that it keeps, and says so; the broker closes them last. */
  | { readonly type: 'session_ended'; readonly session: number }
  /** A sandbox's trap has ended with its sandbox. */
  | { readonly type: 'trap_ended'; readonly session: number }
  /** A plugin asked for another channel: the supervisor makes it and sends a `channel` packet with `answers`. */
  | {
      readonly type: 'channel_wanted';
      readonly plugin: string;
      readonly session: number;
      readonly id: number;
    };

/** One of a name's addresses, and what becomes of it. */
export interface ExplainedAddress {
  readonly address: string;
  readonly class: AddressClass;
  /** `dialed`, or why not. */
  readonly fate: 'dialed' | Reason;
  /** The deny rule that covers it. */
  readonly rule: string | null;
}

/** A decision as the operator is told of it. */
export interface Explanation {
  readonly decision: DecisionWord;
  readonly reason: Reason;
  readonly rule: string | null;
  readonly host: string;
  readonly port: number;
  readonly message: string;
  /** The rule that would allow it. */
  readonly suggestion: string | null;
  readonly addresses: readonly ExplainedAddress[];
}

/**
 * Supervisor to broker, as one packet (JSON) with descriptors: the request pipe's reading end and the broker's end of the
 * reply socket; where `answers` is set also the pipe's writing end and the plugin's end of the socket, to be handed over.
 */
export interface ChannelPacket {
  readonly type: 'channel';
  readonly plugin: string;
  /** Names the session to both sides; never reused. */
  readonly session: number;
  /** True where another broker served this channel before. */
  readonly resumed: boolean;
  readonly answers?: { readonly session: number; readonly id: number } | undefined;
}

/** Supervisor to broker, with a handle of a new sandbox's pid 1 as its descriptor: what holds the broker up is ended. */
export interface SandboxPacket {
  readonly type: 'sandbox';
  readonly plugin: string;
}

/**
 * Supervisor to broker, with memory for what the plugin's open connections are found by: the next broker finds it there. Comes before
 * the plugin's channels and traps.
 */
export interface ConnectionsPacket {
  readonly type: 'connections';
  readonly plugin: string;
  readonly limit: number;
}

/**
 * Supervisor to broker, as one packet with descriptors: a sandbox's listener of seccomp_unotify(2), the memory of its calls in
 * flight, and the sockets of its DNS, UDP and TCP.
 */
export interface TrapPacket {
  readonly type: 'trap';
  readonly plugin: string;
  readonly session: number;
  readonly resumed: boolean;
  readonly landlockDeniesTcp: boolean;
}
