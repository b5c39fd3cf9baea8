// The fixed bounds that more than one file needs, with their unit in the name. A bound that one subject needs stands in its file. Each is
// checked before memory, a descriptor or time is spent. The limits that a user sets stand in config/limit-forms.ts.

/** PIPE_BUF: the most that a packet-mode pipe delivers as one packet, pipe(7). */
export const MAX_REQUEST_BYTES: number = 4096;
export const MAX_REPLY_BYTES: number = 16_384;
/** Levels of nesting in a frame. A request is a map of scalars, so 1 is enough. */
export const MAX_FRAME_DEPTH: number = 4;

/** Channels of one plugin, with those of open_channel. */
export const CHANNELS_PER_PLUGIN: number = 64;
/** Requests that the broker takes from one plugin before the event loop turns to the others. */
export const REQUESTS_PER_TURN: number = 16;
/** How long these requests may take. */
export const TURN_MS: number = 4;

export const CONNECT_TIMEOUT_MS: number = 30_000;
export const MAX_CONNECT_TIMEOUT_MS: number = 120_000;
export const DNS_TIMEOUT_MS: number = 6_000;
/** Questions of one plugin without an answer yet. Those that nobody waits for any more count too. */
export const DNS_QUESTIONS: number = 256;
/** Addresses of one answer that are read. The rules see no others: each may be judged for many ports. */
export const DNS_ANSWERS: number = 128;
/** How long an answer of DNS is kept, at least and at most, whatever its TTL says. */
export const MIN_TTL_S: number = 1;
export const MAX_TTL_S: number = 300;
/** How long these are kept: a name without addresses of a family, a name that does not exist, a failure of the server. */
export const NO_DATA_TTL_S: number = 30;
export const NO_NAME_TTL_S: number = 5;
export const FAILURE_TTL_S: number = 1;
/** The TTL of names that DNS is not asked for: those of the hosts file, and localhost. */
export const LOCAL_TTL_S: number = 30;
/** Answers that are kept, each of one name and family. The least recently used answer makes room. */
export const CACHED_ANSWERS: number = 2048;

/** The longest question of a sandbox, and the longest answer by UDP, even if the question offers more by EDNS. */
export const MAX_QUESTION_BYTES: number = 4096;
/** How many times the questions of a second may come at once after a pause. */
export const QUESTION_BURST_FACTOR: number = 2;
/** DNS over TCP of one sandbox: connections at the same time, and the time between two questions. */
export const DNS_CONNECTIONS: number = 16;
export const DNS_IDLE_MS: number = 5_000;

/** A grant holds for its TTL, but at least this long: a program connects some time after it asked. */
export const MIN_GRANT_MS: number = 60_000;
/** Grants of one sandbox: addresses, names of one address, and pairs of address and name. */
export const GRANTED_ADDRESSES: number = 4096;
export const NAMES_PER_ADDRESS: number = 64;
export const GRANTS: number = 16_384;

/** Verdicts of one plugin that are remembered while its rules and the host's addresses are the same. */
export const REMEMBERED_VERDICTS: number = 256;

/** Refused names of one sandbox with a line each in a window. One line at its end counts the others. */
export const LOGGED_NAMES: number = 64;
export const LOG_WINDOW_MS: number = 60_000;
/** RFC 8305: Connection Attempt Delay. */
export const ATTEMPT_DELAY_MS: number = 250;
/** How often a connect to a UNIX socket is tried again while the queue of its server is full. */
export const SOCKET_RETRY_MS: number = 20;

/** What a proxy may send before a tunnel is open: all heads of HTTP together. */
export const MAX_PROXY_HEAD_BYTES: number = 16 * 1024;
/** Names of one sandbox that only a proxy resolves, with an address that stands for each. */
export const STAND_INS: number = 4096;

/** Descriptors of the broker, and how many of them stay for the broker itself. Plugins share the others. */
export const BROKER_DESCRIPTORS: number = 16_384;
export const RESERVED_DESCRIPTORS: number = 512;

/** Questions of one plugin that wait for a person or a program, and new ones in a minute, and at once. Broker and supervisor both count them. */
export const OPEN_ASKS: number = 16;
export const ASKS_PER_MINUTE: number = 20;

/** What is learnt of a running plugin: pairs of host and port, and refusals. */
export const LIVE_ENDPOINTS: number = 1_024;
export const LEARNT_REFUSALS: number = 256;

/** From SIGTERM to SIGKILL. */
export const STOP_TIMEOUT_MS: number = 10_000;
/** What waits for the reader of stdout or stderr, in bytes for each. */
export const OUTPUT_QUEUE_BYTES: number = 256 * 1024;
/** After a stop, `up` waits this long for the reader of its output, and then drops the rest. */
export const OUTPUT_TIMEOUT_MS: number = 2_000;
/** Pseudo-terminals of a sandbox. The kernel has 4096 for the whole host, pty(7). */
export const MAX_TERMINALS: number = 64;
/** How often the supervisor looks whether its process group is in the terminal's foreground. */
export const TERMINAL_LOOK_MS: number = 200;
export const BROKER_START_TIMEOUT_MS: number = 60_000;
/** Plugins that start at the same time; the others wait. A start holds some 60 descriptors for a moment, a running plugin some 15. */
export const STARTS_AT_ONCE: number = 4;

/** Audit events that wait for the supervisor. Past it they are dropped and counted. With when_full: block, requests wait before it is full. */
export const AUDIT_BACKLOG_BYTES: number = 4 * 1024 * 1024;
/** How often it is looked whether the file of the audit log is still at its path. */
export const AUDIT_LOOK_MS: number = 1_000;
/** How long audit lines are gathered before they are written. */
export const GATHER_MS: number = 5;
/** Names of one sandbox in one line. */
export const GIVEN_NAMES_A_LINE: number = 500;
/** How long a broker that ends may write its last lines. */
export const LAST_WORDS_MS: number = 500;
/** Lines to the broker, without rules, that it has not read. Past it the supervisor kills the broker. */
export const UNREAD_LINES_BYTES: number = 4 * 1024 * 1024;
/** What a broker dies of after this long has nothing to do with the death before. */
export const UNBLAMED_LIFE_MS: number = 60_000;
/** A broker that dies again and again is blamed upon a plugin after this many deaths, each this soon after a request of that plugin. */
export const BLAMED_DEATHS: number = 4;
/** Plugins of which the broker notes when they last asked. */
export const REQUEST_MARKS: number = 4_096;
/** Packets to the broker that it has not received. Past it the supervisor kills the broker. A start sends four for each plugin. */
export const UNRECEIVED_PACKETS: number = 16_384;
/** From one query of the supervisor, whether the broker answers, to the next. */
export const HEARTBEAT_MS: number = 500;
/** Without an answer for this long, the supervisor kills the broker and starts another. */
export const HEARTBEAT_TIMEOUT_MS: number = 3_000;
/** The same, after the broker has asked for the end of a sandbox. */
export const STALLED_TIMEOUT_MS: number = 1_000;
/** A process that was killed runs nothing of its program any more. If it does not exit in this time, the kernel still works for it. */
export const KILLED_EXIT_MS: number = 250;
/** One line to the broker. The longest has the rules of one plugin. */
export const MAX_LINK_LINE_BYTES: number = 64 * 1024 * 1024;
/** One line of the broker, which may have been taken over. The longest explains a name of 2 * DNS_ANSWERS addresses, each with its deny rule. */
export const MAX_BROKER_LINE_BYTES: number = 256 * 1024;
/** Problems of a plugin's rules that one line of the broker tells. */
export const TOLD_PROBLEMS: number = 32;

/** Connections to the metrics listener at the same time. Further ones are closed. */
export const METRICS_CONNECTIONS: number = 64;
/** How long a client of the metrics listener may take to send its request, and to read its answer. */
export const METRICS_REQUEST_MS: number = 5_000;
export const METRICS_ANSWER_MS: number = 10_000;
/** From the end of one page of metrics to the begin of the next. All who ask meanwhile get that next page. */
export const METRICS_PAUSE_MS: number = 200;
/** Series that are written as text before the event loop turns to other work. */
export const SERIES_PER_TURN: number = 250;

/** Clients of the control socket at the same time. A further one takes the place of the one that has been idle longest. */
export const CONTROL_CLIENTS: number = 64;
/** One line of a client of the control socket. */
export const CONTROL_LINE_BYTES: number = 64 * 1024;
/** Refused destinations of one plugin that are kept. The one that was refused least often makes room. */
export const KEPT_DENIALS: number = 256;
/** The latest audit events that are kept for the control socket: of requests through gateways, and of all others. */
export const KEPT_EVENTS: number = 500;
/** Rules whose decisions are counted: those that decided last. */
export const COUNTED_RULES: number = 8_192;
/** Characters of one text in a line of the broker. No broker writes a longer one, so a line with one counts as none. */
export const KEPT_TEXT: number = 4_000;
/** The last lines of one plugin's output that are kept, their characters in all, and those of one line. */
export const KEPT_LINES: number = 1_000;
export const KEPT_CHARACTERS: number = 256 * 1024;
export const KEPT_LINE_CHARACTERS: number = 8_192;

/** Calls of one sandbox that the broker works on at the same time. Further calls wait in the kernel. */
export const NOTIFIED_CALLS: number = 2048;
/** Orders of one sandbox or plugin that wait in the supervisor. */
export const WAITING_ORDERS: number = 64;
/** The broker stalls on a plugin if a call waits longer than this in the kernel. From then on it reaches that plugin on a separate thread. */
export const STALL_SLOW_MS: number = 20;
/** A plugin that has caused no stall for this long is served as before its first one. */
export const STALL_FORGIVEN_MS: number = 60_000;
/** The broker kills a plugin's sandbox after one stall of this length. */
export const STALL_LIMIT_MS: number = 1000;
/** After the first stall, all further stalls of a plugin may take this long together. */
export const STALL_BUDGET_MS: number = 250;
/** So much of the time in which a plugin's threads wait for a processor is excused. This share of the time that passes is given back. */
export const STALL_ALLOWANCE_MS: number = 2000;
export const STALL_ALLOWANCE_SHARE: number = 0.01;
/** How often the watchdog looks. */
export const STALL_CHECK_MS: number = 10;
/** Open connections of one plugin that the broker can note. Each has so many bytes for its id, what was asked for, and what decided. */
export const CONNECTION_SLOTS: number = 65_536;
export const CONNECTION_SLOT_BYTES: number = 1024;
/**
 * Those of them that are connections to UNIX sockets of the host. The kernel finds such a socket by going through all of its network namespace: with
 * 8,000 connections a question takes 0.1 ms.
 */
export const HOST_SOCKETS: number = 1_024;
/** One more at the start, for what is noted about all of them. */
export const CONNECTIONS_MEMORY_BYTES: number = (CONNECTION_SLOTS + 1) * CONNECTION_SLOT_BYTES;
/** Open connections that are listed for an operator: at most in one answer, and those that the kernel is asked about before the broker turns to other work. */
export const LISTED_CONNECTIONS: number = 1_000;
export const LISTED_AT_ONCE: number = 32;
/** Connections whose age is read, to find the newest, before the broker turns to other work. */
export const SORTED_CONNECTIONS: number = 1_024;
/** Open connections of one plugin whose bytes are read for one report of what plugins use, for how long those of all are, and the plugins in one line of it. */
export const SURVEYED_CONNECTIONS: number = 1_024;
export const SURVEY_MS: number = 1_000;
export const USAGE_AT_ONCE: number = 64;
/** How long after a search connections that are still open are looked for again. */
export const END_AGAIN_MS: number = 500;
/** From one look at the bytes of a plugin with sent_mib or received_mib to the next. */
export const QUOTA_LOOK_MS: { readonly least: number; readonly most: number } = { least: 20, most: 250 };
/** Connections of a plugin at its limit that the broker checks for closed ones in a second (2 µs each). */
export const LOOKS_PER_SECOND: number = 20_000;
/** Pipes of one read-only path that are hidden one by one. Each is a mount, and the kernel's default is 100,000 of a namespace. */
export const PIPE_MASKS: number = 1000;
/** Names of folders that a walk through files keeps, 255 bytes each at most. */
export const WALK_WAITING_FOLDERS: number = 100_000;
