// Every message between the supervisor and the broker. Both are postern's, of one version; yet each checks what the other says, since the broker
// reads hostile bytes.
import type { Limits, LimitWord } from '../config/limit-forms.js';
import type { Revoke } from '../config/plugin-config.js';
import type { ViaLine } from '../config/via-config.js';
import type { AddressClass, Answerer, AskEnd, AskScope, DecisionWord, Mode, Reason } from '../words.js';
import type { AuditEvent } from './audit-events.js';
import type { OpenConnection, PluginUsage } from './open-connections.js';

// The link between supervisor and broker: JSON lines over a stream, and packets with descriptors over a SOCK_SEQPACKET pair. The
// supervisor checks what it reads, since the broker parses hostile bytes and may have been taken over.

/** Descriptor numbers that a broker finds at its start. */
export const BROKER_LINE_FD = 3;
export const BROKER_DESCRIPTOR_FD = 4;
/** Its own lines. */
export const BROKER_LINES_OUT_FD = 5;
/** The argument of a broker that changes its ids. It needs the capabilities of root for that, and loses them by it. */
export const KEEPS_CAPABILITIES = 'keeps-capabilities';
/**
 * The argument of a user's broker. It needs the capabilities of its user namespace to make its root, and gives them up then. Where it fails, it
 * begins its words with this one.
 */
export const OWN_ROOT = 'own-root';

/**
 * The version of this link, with the forms of the memory that brokers share. A supervisor uses no broker of another version: the program
 * may have been installed anew meanwhile.
 */
export const LINK_VERSION = 1;

/** A listening socket of postern itself. */
export interface ListenerAddress {
  readonly address: string;
  readonly port: number;
}

/** Lines from supervisor to broker. `start` comes first, and once. */
export type SupervisorLine =
  | {
      readonly type: 'start';
      /** Ids that the broker takes for good, if it starts as root. */
      readonly becomeIds?: { readonly uid: number; readonly gid: number } | undefined;
      /** With these ids: the target of /proc/self/ns/mnt in the supervisor. */
      readonly supervisorMounts?: string | undefined;
      /** DNS servers as `ADDRESS` or `ADDRESS:PORT`. Missing: those in /etc/resolv.conf. */
      readonly dnsServers?: readonly string[] | undefined;
      readonly listeners: readonly ListenerAddress[];
      /** Whether the audit log has room now. Missing: it loses events, and requests do not wait for it. */
      readonly auditRoom?: boolean | undefined;
      /** Somebody reads all audit events. Missing or false: only what an operator must see, see `Audit`. */
      readonly readsAll?: boolean | undefined;
      /** Of a user's broker: its uid on the host. It sees none of the host's sockets: the supervisor opens their files. */
      readonly user?: number | undefined;
      /** It serves one plugin, and never another: nobody else waits where that one makes it wait. */
      readonly alone?: boolean | undefined;
    }
  | {
      readonly type: 'plugin';
      readonly plugin: string;
      readonly allow: readonly string[];
      readonly deny: readonly string[];
      readonly mode: Mode;
      readonly limits: Limits;
      /** How its connections leave this host. Missing: straight. */
      readonly via?: ViaLine | undefined;
      /** The names of each host with a gateway: the sandbox's DNS answers with its address, see gateway.ts. The rules deny them to the plugin itself. */
      readonly gateways?: readonly (readonly string[])[] | undefined;
      /** Whether connections that these rules do not allow are ended. `drain`, or missing: they go on until they end by themselves. */
      readonly revoke?: Revoke | undefined;
      /** The number of the plugin's mark in the memory of a {@link MarksPacket}. */
      readonly mark?: number | undefined;
      /** What becomes of a destination that no rule allows. Missing: `deny`. */
      readonly unknown?: 'deny' | 'ask' | undefined;
      /** What was approved for this run. */
      readonly approved?: readonly ApprovedDestination[] | undefined;
    }
  /** The answer to `asked`, with what was asked: another broker may have had the number. It may come after `ask_ended`. */
  | {
      readonly type: 'ask_answered';
      readonly plugin: string;
      readonly id: number;
      readonly host: string;
      readonly port: number;
      readonly answer: AskEnd;
      readonly by: Answerer;
    }
  /** A plugin is gone. `left`: the number of its register. The broker answers `left_ended` once its connections have ended. */
  | { readonly type: 'forget'; readonly plugin: string; readonly left?: number | undefined }
  /** The answer to `session_ended`: only the broker has the ends of the channel now. */
  | { readonly type: 'session_dropped'; readonly session: number }
  /** The answer to `channel_wanted` if the supervisor can make no channel. */
  | { readonly type: 'channel_refused'; readonly id: number }
  /** The supervisor could not write this many audit events. They count as dropped. */
  | { readonly type: 'audit_dropped'; readonly events: number }
  /** The audit log is full, or has room again. Only if `start` said which. */
  | { readonly type: 'audit_room'; readonly room: boolean }
  /** How often a limit of the supervisor has refused something to a plugin. 0: the first report, which creates the series. */
  | { readonly type: 'limited'; readonly plugin: string; readonly limit: LimitWord; readonly times: number }
  | { readonly type: 'metrics'; readonly id: number }
  /** Asks for the open connections of a plugin, or of all. `most`: so many of them. */
  | {
      readonly type: 'connections';
      readonly id: number;
      readonly plugin?: string | undefined;
      readonly most: number;
    }
  /** Ends an open connection of a plugin, for the operator. The broker answers `connection_ended`. */
  | {
      readonly type: 'end_connection';
      readonly id: number;
      readonly plugin: string;
      /** Of its decision in the audit log. */
      readonly decisionId: string;
    }
  /** Writes the refused look-ups of a plugin that were gathered. The next one of each name is an event at once again. */
  | { readonly type: 'tell_refusals'; readonly plugin: string }
  /** Asks what the plugins use of the network. */
  | { readonly type: 'usage'; readonly id: number }
  /** Asks whether the broker still answers. */
  | { readonly type: 'ping'; readonly id: number }
  /** Another broker is about to serve: this one ends its work, says what the other has to know, and exits. `id`: of a query for metrics, answered last. */
  | { readonly type: 'retire'; readonly id: number }
  /** What the former broker's DNS gave a sandbox. It comes before the trap. */
  | GivenNamesLine
  /**
   * The answer to a {@link UnixConnectPacket}, a {@link FolderModePacket} or a {@link CallerAnswerPacket}: 0, minus errno, or `host` for a
   * socket that was not bound in the sandbox.
   */
  | {
      readonly type: 'order_done';
      readonly session: number;
      readonly id: number;
      readonly result: number | 'host';
    }
  /** The answer to a {@link MarkSocketPacket}: 0, or minus errno. To a {@link HostSocketPacket}: minus errno. */
  | {
      readonly type: 'plugin_order_done';
      readonly plugin: string;
      readonly id: number;
      readonly result: number;
    }
  /** Asks for a decision without a connection. `resolved` replaces the answer of DNS. `hostname` is that of the sandbox. */
  | {
      readonly type: 'explain';
      readonly id: number;
      readonly plugin: string;
      readonly host: string;
      readonly port: number;
      readonly egress: 'transparent' | 'channel';
      readonly hostname?: string | undefined;
      readonly resolved?: readonly string[] | undefined;
    };

/** A destination that was approved. */
export interface ApprovedDestination {
  /** A name, or an address that is not special. */
  readonly host: string;
  readonly port: number;
  readonly answer: AskScope;
  readonly by: Answerer;
}

/** A connect that is asked about. */
export type ExplainQuestion = Omit<SupervisorLine & { readonly type: 'explain' }, 'type' | 'id' | 'plugin'>;

/** An address that a sandbox's DNS gave for a name. */
export interface GivenName {
  readonly address: string;
  readonly name: string;
  /** Whether the address only stands for the name, which only the proxy resolves. */
  readonly standsFor: boolean;
}

/** Some names of one sandbox, in the order of their use. `session`: that of its trap. */
export interface GivenNamesLine {
  readonly type: 'given_names';
  readonly session: number;
  readonly names: readonly GivenName[];
}

/** Lines from broker to supervisor. */
export type BrokerLine =
  | {
      readonly type: 'ready';
      /** Its {@link LINK_VERSION}. */
      readonly link: number;
      /** postern's. */
      readonly version: string;
    }
  | { readonly type: 'failed'; readonly message: string; readonly fix?: string | undefined }
  | { readonly type: 'plugin_ready'; readonly plugin: string; readonly policyHash: string }
  | { readonly type: 'plugin_refused'; readonly plugin: string; readonly problems: readonly string[] }
  | { readonly type: 'audit'; readonly line: AuditEvent }
  /** A part of the metrics. `last`: no further part comes. */
  | { readonly type: 'metrics'; readonly id: number; readonly text: string; readonly last: boolean }
  /** A part of the open connections. `last`: no further part comes, and `more` of them are left out. */
  | {
      readonly type: 'connections';
      readonly id: number;
      readonly connections: readonly OpenConnection[];
      readonly more: number;
      readonly last: boolean;
    }
  /** A part of what the plugins use. `last`: no further part comes. */
  | {
      readonly type: 'usage';
      readonly id: number;
      readonly plugins: readonly PluginUsage[];
      readonly last: boolean;
    }
  /** The work at the end of a connection is done. `found`: there was such a connection. */
  | { readonly type: 'connection_ended'; readonly id: number; readonly found: boolean }
  | { readonly type: 'pong'; readonly id: number }
  /** Of a broker that retires. */
  | GivenNamesLine
  /** It has said all that the next broker has to know. It exits now. `unanswered`: sessions of channels with requests that it has not answered. */
  | { readonly type: 'retired'; readonly unanswered: readonly number[] }
  | { readonly type: 'explained'; readonly id: number; readonly explanation: Explanation }
  /** A session has ended. The supervisor closes the ends that it keeps and answers; the broker closes its ends last. */
  | { readonly type: 'session_ended'; readonly session: number }
  /** No connection is open of a plugin that is gone. The supervisor keeps its register no longer. */
  | { readonly type: 'left_ended'; readonly left: number }
  /** The trap of a sandbox has ended with its sandbox. */
  | { readonly type: 'trap_ended'; readonly session: number }
  /** A plugin wants a destination that no rule allows. It waits until `ask_answered`. The supervisor makes the suggestion itself. */
  | {
      readonly type: 'asked';
      readonly plugin: string;
      /** No other question of this broker has it. */
      readonly id: number;
      readonly host: string;
      /** 443 for a look-up, which has no port. */
      readonly port: number;
      /** The address of a connect(2) whose host is a name. The next broker does not know the name. */
      readonly address: string | null;
      readonly door: AskDoor;
      readonly pid: number | null;
      readonly program: string | null;
    }
  /** The broker acts on an answer: no further broker may. */
  | { readonly type: 'ask_taken'; readonly plugin: string; readonly host: string; readonly port: number }
  /** Nothing waits for the answer any more: the callers are gone, or new rules have decided. */
  | { readonly type: 'ask_ended'; readonly plugin: string; readonly id: number }
  /** A plugin asked for another channel. The supervisor makes it and sends a `channel` packet with `answers`. */
  | {
      readonly type: 'channel_wanted';
      readonly plugin: string;
      readonly session: number;
      /** The broker's number of the request, not the plugin's. */
      readonly id: number;
    };

/** What waits for an answer: a connect(2), a look-up, or a request on a channel. */
export const ASK_DOORS = ['trap', 'dns', 'channel'] as const;
export type AskDoor = (typeof ASK_DOORS)[number];

/** An address of a name, and whether it is dialled. */
export interface ExplainedAddress {
  readonly address: string;
  readonly class: AddressClass;
  /** `dialed`, or the reason why not. `inside`: it is the sandbox's own. */
  readonly fate: 'dialed' | 'inside' | Reason;
  /** The deny rule that covers it. */
  readonly rule: string | null;
}

/** A decision as the operator sees it. */
export interface Explanation {
  readonly decision: DecisionWord;
  readonly reason: Reason;
  readonly rule: string | null;
  readonly host: string;
  readonly port: number;
  readonly message: string;
  /** The rule that would allow it. */
  readonly suggestion: string | null;
  /** The rule for the name that is missing too. */
  readonly name_suggestion: string | null;
  readonly addresses: readonly ExplainedAddress[];
  /** How the first address leaves this host. Null for a denial, and for a plugin without a proxy. */
  readonly way: ExplainedWay | null;
}

/** Through a proxy, or around it. */
export interface ExplainedWay {
  /** As in `http://proxy.example.com:3128`. Null: around the proxy. */
  readonly via: string | null;
  /** What the proxy is asked for: `api.example.com:443`. */
  readonly tunnel: string | null;
  /** The rule of `via.direct`. Null around the proxy: it is an address of this host or its link. */
  readonly rule: string | null;
}

/**
 * A packet (JSON) from supervisor to broker with descriptors: the reading end of the request pipe and the broker's end of the reply
 * socket. With `answers` also the plugin's two ends, which the broker hands over.
 */
export interface ChannelPacket {
  readonly type: 'channel';
  readonly plugin: string;
  /** The number of the session on both sides. It is never used again. */
  readonly session: number;
  /** Whether another broker served this channel before. `unanswered`: it may have left requests without an answer. */
  readonly resumed: false | 'answered' | 'unanswered';
  readonly answers?: { readonly session: number; readonly id: number } | undefined;
  /** Its run has ended, and the former broker has not ended the session. */
  readonly over?: boolean | undefined;
}

/**
 * A packet from supervisor to broker, without a descriptor: a run of the plugin has ended. Every channel and trap that came before it was that run's, and
 * others may hold their ends.
 */
export interface RunEndedPacket {
  readonly type: 'run_ended';
  readonly plugin: string;
}

/** The mark of a plugin while the broker works at the end of its connections: later than any time. */
export const MARK_OF_END: bigint = 2n ** 64n - 1n;

/** A packet from supervisor to broker with memory in which the broker notes when each plugin last asked for something. */
export interface MarksPacket {
  readonly type: 'marks';
}

/** A packet from supervisor to broker with memory in which the broker counts the audit events that it makes. */
export interface TallyPacket {
  readonly type: 'tally';
}

/** A packet from supervisor to broker with its alarm, a timer. When the timer runs out, the supervisor ends the sandbox. */
export interface SandboxPacket {
  readonly type: 'sandbox';
  readonly plugin: string;
  /** The target of ns/pid of its processes, pid_namespaces(7). Missing if it has ended already. */
  readonly pidNamespace?: string | undefined;
  /** A former run may have left it connections, in the queue of a listener. */
  readonly inherits?: boolean | undefined;
}

/**
 * A packet from supervisor to broker with memory in which the open connections of the plugin are noted. The next broker reads it there. It
 * comes before the channels and traps of the plugin. Without it the connections of the plugin are not noted.
 */
export interface ConnectionsPacket {
  readonly type: 'connections';
  readonly plugin: string;
  /** The plugin is gone, and so must be its connections. See `forget`. */
  readonly left?: number | undefined;
}

/**
 * A packet from supervisor to broker with a socket that receives the kernel's reports of ended sockets. It comes after the connections. The socket of the
 * former broker comes first, with what that did not take.
 */
export interface EndsPacket {
  readonly type: 'ends';
}

/** A packet from supervisor to broker with a handle (O_PATH) of a socket file: the answer to a {@link HostSocketPacket}. */
export interface SocketFilePacket {
  readonly type: 'socket_file';
  readonly plugin: string;
  readonly id: number;
}

/**
 * A packet from supervisor to broker with descriptors: the notifyFd of a sandbox (seccomp_unotify(2)), the memory of its calls in flight, the
 * UDP and TCP sockets of its DNS, a netlink socket that asks about its AF_UNIX sockets, its root folder, and with `notify` its notify socket.
 */
export interface TrapPacket {
  readonly type: 'trap';
  readonly plugin: string;
  readonly session: number;
  readonly resumed: boolean;
  readonly landlockDeniesTcp: boolean;
  /** st_dev of each file system of the sandbox's own, as decimal text. */
  readonly scratch: readonly string[];
  /** The plugin has other ids than the broker: the supervisor connects its AF_UNIX sockets. */
  readonly otherIds: boolean;
  /** The plugin says itself when it is ready, by its notify socket. */
  readonly notify: boolean;
}

/**
 * A packet from broker to supervisor with a duplicate of a plugin's AF_UNIX socket, which the supervisor connects with the plugin's ids. Bytes
 * are base64.
 */
export interface UnixConnectPacket {
  readonly type: 'unix_connect';
  /** Of the trap. */
  readonly session: number;
  readonly id: number;
  readonly target:
    | { readonly kind: 'path'; readonly path: string; readonly self?: number | undefined }
    | { readonly kind: 'abstract'; readonly address: string }
    | { readonly kind: 'listen'; readonly backlog: number };
}

/** A packet from broker to supervisor, without a descriptor: the supervisor sets the mode of a folder with the plugin's ids. See FolderMode. */
export interface FolderModePacket {
  readonly type: 'folder_mode';
  /** Of the trap. */
  readonly session: number;
  readonly id: number;
  /** Absolute, from the sandbox's root. Base64. */
  readonly path: string;
  readonly self?: number | undefined;
  readonly keepsLink: boolean;
  /** Both numbers as decimal text. */
  readonly inode?: { readonly dev: string; readonly ino: string; readonly length: number } | undefined;
  readonly mode: number;
}

/**
 * A packet from broker to supervisor, without a descriptor: the answer to a caller whose ioctl(2) or socketpair(2) waits. The supervisor
 * writes it.
 */
export interface CallerAnswerPacket {
  readonly type: 'caller_answer';
  /** Of the trap. */
  readonly session: number;
  readonly id: number;
  /** Of the caller, on the host. */
  readonly tid: number;
  /** One struct ifreq or more, or the numbers of two descriptors. Base64. */
  readonly answer: string;
}

/**
 * A packet from broker to supervisor with a duplicate of a socket that the broker is about to connect for a plugin. The supervisor sets the
 * mark on it.
 */
export interface MarkSocketPacket {
  readonly type: 'mark_socket';
  readonly plugin: string;
  /** No other such packet of the broker has it. */
  readonly id: number;
  /** Of the rules that the broker has. */
  readonly mark: number;
}

/** A packet from broker to supervisor, without a descriptor: the supervisor opens the file of a host's socket, and answers with a handle of it. */
export interface HostSocketPacket {
  readonly type: 'host_socket';
  readonly plugin: string;
  /** No other packet of the broker about a plugin has it. */
  readonly id: number;
  /** Of a rule of that plugin. */
  readonly path: string;
}
