// Every bound of postern in one place, units in the names. A bound is checked before memory, a descriptor or time is spent.

/** PIPE_BUF: the most that a packet-mode pipe delivers as one packet, pipe(7). */
export const MAX_REQUEST_BYTES: number = 4096;
/** Requests that wait in a channel's pipe take a page each. */
export const REQUEST_PIPE_BYTES: number = 64 * 4096;
export const MAX_REPLY_BYTES: number = 16_384;
/** SO_SNDBUF of the broker's reply socket: it bounds the descriptors in flight to a plugin that does not receive. */
export const REPLY_SEND_BUFFER_BYTES: number = 16_384;
/** Levels of nesting in a frame; a request is a map of scalars, so 1 would do. */
export const MAX_FRAME_DEPTH: number = 4;

/** Channels of one plugin, those of open_channel included. */
export const CHANNELS_PER_PLUGIN: number = 64;
/** Replies that wait for a plugin to read; past it no request of that channel is read. */
export const REPLY_BACKLOG: number = 256;
/** Requests taken from one plugin before the event loop turns to the others. */
export const REQUESTS_PER_TURN: number = 16;
/** How long they may take. */
export const TURN_MS: number = 4;

export const CONNECT_TIMEOUT_MS: number = 30_000;
export const MAX_CONNECT_TIMEOUT_MS: number = 120_000;
export const DNS_TIMEOUT_MS: number = 5_000;
/** Questions of one plugin that no server has answered yet, those that nobody waits for any more included. */
export const DNS_QUESTIONS: number = 256;
/** One question to one server, and how often it is asked. */
export const TRY_MS: number = 1_500;
export const TRIES: number = 4;
/** A larger /etc/hosts is not read. */
export const MAX_HOSTS_BYTES: number = 4 * 1024 * 1024;
/** Addresses of one answer that are looked at. */
export const DNS_ANSWERS: number = 32;
/** What an answer of DNS is kept for, whatever its TTL says. */
export const MIN_TTL_S: number = 1;
export const MAX_TTL_S: number = 300;
/** A name without addresses of a family; a name that does not exist; a server that failed or was silent. */
export const NO_DATA_TTL_S: number = 30;
export const NO_NAME_TTL_S: number = 5;
export const FAILURE_TTL_S: number = 1;
/** Of names that DNS is not asked for: the hosts file's and localhost. */
export const LOCAL_TTL_S: number = 30;
/** Answers that are kept, of one name and family each; the least recently used make room. */
export const CACHED_ANSWERS: number = 2048;

/** What is read as one question of a sandbox, and the longest answer to it by UDP, whatever EDNS size it offers. */
export const MAX_QUESTION_BYTES: number = 4096;
export const MAX_DATAGRAM_ANSWER_BYTES: number = 4096;
/** Of the questions of a second, how many times as many may come at once after a pause. */
export const QUESTION_BURST_FACTOR: number = 2;
/** What is past it waits in the kernel for so long, and is dropped there once its buffer is full. */
export const QUESTION_PAUSE_MS: number = 10;
/** DNS over TCP of one sandbox: connections at once, and the time from one question to the next. */
export const DNS_CONNECTIONS: number = 16;
export const DNS_IDLE_MS: number = 5_000;

/** A grant holds for its TTL, and this long at least: a program connects some time after it asked. */
export const MIN_GRANT_MS: number = 60_000;
/** Of one sandbox: addresses with grants, names of one address, and pairs of both. */
export const GRANTED_ADDRESSES: number = 4096;
export const NAMES_PER_ADDRESS: number = 64;
export const GRANTS: number = 16_384;
/** Sockets of one sandbox whose programs are remembered, for what is logged of their questions. */
export const NOTED_ASKERS: number = 1024;

/** Verdicts of one plugin that are remembered, for as long as rules and host are the same. */
export const REMEMBERED_VERDICTS: number = 256;

/** Names whose stale grants of one address are checked again for one connect. */
export const STALE_NAMES_CHECKED: number = 8;

/** Refused names of one sandbox that are logged one by one in a window; the rest are one line at its end. */
export const LOGGED_NAMES: number = 64;
export const LOG_WINDOW_MS: number = 60_000;
/** RFC 8305: Resolution Delay and Connection Attempt Delay. */
export const RESOLUTION_DELAY_MS: number = 50;
export const ATTEMPT_DELAY_MS: number = 250;
/** Attempts under way at once: each holds a descriptor. */
export const CONCURRENT_ATTEMPTS: number = 6;

export const BROKER_DESCRIPTORS: number = 16_384;
/** Memory that a sandbox's control group leaves to its launch, at least; and how long a group is waited for whose processes end. */
export const LAUNCH_MEMORY_MIB: number = 256;
export const CGROUP_REMOVAL_MS: number = 5_000;

/** Listeners that one plugin inherits. */
export const MAX_LISTENERS: number = 64;
/** Callers that wait in a listener's queue; the kernel takes no more than net.core.somaxconn, listen(2). */
export const LISTEN_BACKLOG: number = 4096;

/** What `learn` keeps of a run: pairs of host and port, names that were looked up, refusals. */
export const LEARNT_ENDPOINTS: number = 8192;
export const LEARNT_NAMES: number = 1024;
export const LEARNT_REFUSALS: number = 256;

/** From SIGTERM to SIGKILL. */
export const STOP_TIMEOUT_MS: number = 10_000;
/** Past a stop, what the reader of `up` has not taken by then is dropped. */
export const OUTPUT_TIMEOUT_MS: number = 2_000;
/** From the first process of a sandbox to its execve; a slow or busy machine takes long for the starts of Node in it. */
export const LAUNCH_TIMEOUT_MS: number = 60_000;
export const BROKER_START_TIMEOUT_MS: number = 60_000;

/** Audit events that wait for the supervisor; past it they are dropped and counted. */
export const AUDIT_BACKLOG_BYTES: number = 4 * 1024 * 1024;
/** Lines of audit are gathered for so long before they are written, and a broker that ends has so long to write them. */
export const GATHER_MS: number = 5;
export const LAST_WORDS_MS: number = 500;
/** One line between supervisor and broker: the rules of one plugin are the longest. */
export const MAX_LINK_LINE_BYTES: number = 64 * 1024 * 1024;

/** What the broker gets beyond the time limit to say itself that it has passed. */
export const TIMEOUT_GRACE_MS: number = 250;

/** Requests that wait for room in the pipe: four times what a broker lets wait behind them. */
export const MAX_WAITING_REQUESTS: number = 4096;
/** Replies that a client takes before the event loop turns to the program's own work. */
export const REPLIES_PER_TURN: number = 64;

/** Calls of one sandbox that the broker works on at once; further ones wait in the kernel. */
export const NOTIFIED_CALLS: number = 2048;
/** How often a call that waits is looked at: has its caller a signal, is it still there. */
export const WAITING_CALL_MS: number = 50;
/** Of one sandbox, at a time: of more calls, each is looked at less often. */
export const WAITING_CALLS_LOOKED_AT: number = 64;
/** The broker stalls on a plugin if a call waits longer than this, asleep or at work in the kernel. From then on it reaches that plugin on a thread apart. */
export const STALL_SLOW_MS: number = 20;
/** The broker kills a plugin's sandbox after one stall of this length. */
export const STALL_LIMIT_MS: number = 1000;
/** After the first stall, all further ones of a plugin may last this long together. The share of time that has passed since is given back. */
export const STALL_BUDGET_MS: number = 250;
export const STALL_BUDGET_SHARE: number = 0.005;
/** How often the watchdog looks. */
export const STALL_CHECK_MS: number = 10;
/** A table of more descriptors is not searched for duplicates of a socket. */
export const SEARCHED_DESCRIPTORS: number = 64;
/** Connections of a plugin at its limit that are looked at, whether one of them is closed: at a time, and in a second (2 µs each). */
export const LOOKED_AT_CONNECTIONS: number = 256;
export const LOOKS_PER_SECOND: number = 20_000;
/** Non-blocking connects of one sandbox whose end is waited for, for the account. */
export const SETTLING_CONNECTS: number = 512;
