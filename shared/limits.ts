// Every fixed bound of postern, with its unit in the name. A bound is checked before memory, a descriptor or time is spent. The limits
// that a user sets stand in config/limit-forms.ts.

/** PIPE_BUF: the most that a packet-mode pipe delivers as one packet, pipe(7). */
export const MAX_REQUEST_BYTES: number = 4096;
/** A request that waits in the pipe of a channel takes one page. */
export const REQUEST_PIPE_BYTES: number = 64 * 4096;
export const MAX_REPLY_BYTES: number = 16_384;
/** SO_SNDBUF of the broker's reply socket. It bounds the descriptors in flight to a plugin that does not receive. */
export const REPLY_SEND_BUFFER_BYTES: number = 16_384;
/** Levels of nesting in a frame. A request is a map of scalars, so 1 is enough. */
export const MAX_FRAME_DEPTH: number = 4;

/** Channels of one plugin, with those of open_channel. */
export const CHANNELS_PER_PLUGIN: number = 64;
/** Replies that wait for a plugin to read them. Past it the broker reads no request of that channel. */
export const REPLY_BACKLOG: number = 256;
/** How long after a descriptor the broker looks whether the plugin has received it. Each further look waits twice as long, up to the most. */
export const UNRECEIVED_LOOK_MS: number = 100;
export const UNRECEIVED_MOST_LOOK_MS: number = 1_600;
/** Requests that the broker takes from one plugin before the event loop turns to the others. */
export const REQUESTS_PER_TURN: number = 16;
/** How long these requests may take. */
export const TURN_MS: number = 4;

/** How often postern looks whether a plugin has accepted its connection. */
export const ACCEPT_LOOK_MS: number = 20;
/** How often a watched configuration is looked at. */
export const CONFIG_LOOK_MS: number = 1_000;

export const CONNECT_TIMEOUT_MS: number = 30_000;
export const MAX_CONNECT_TIMEOUT_MS: number = 120_000;
export const DNS_TIMEOUT_MS: number = 6_000;
/** Questions of one plugin without an answer yet. Those that nobody waits for any more count too. */
export const DNS_QUESTIONS: number = 256;
/** How long one question to one server waits, and how often it is asked. */
export const TRY_MS: number = 1_500;
export const TRIES: number = 4;
/** Resolvers that are kept for the next questions. Without a question they have no socket. */
export const IDLE_RESOLVERS: number = 16;
/** Without an answer for this long, each server gets a further question, whose answer may take until DNS_TIMEOUT_MS. */
export const PATIENT_AFTER_MS: number = 300;
/** A larger /etc/resolv.conf is not read. */
export const MAX_RESOLV_CONF_BYTES: number = 64 * 1024;
/** A larger /etc/hosts is not read. */
export const MAX_HOSTS_BYTES: number = 4 * 1024 * 1024;
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
export const MAX_DATAGRAM_ANSWER_BYTES: number = 4096;
/** How many times the questions of a second may come at once after a pause. */
export const QUESTION_BURST_FACTOR: number = 2;
/** Further questions wait in the kernel this long. The kernel drops them when its buffer is full. */
export const QUESTION_PAUSE_MS: number = 10;
/** DNS over TCP of one sandbox: connections at the same time, and the time between two questions. */
export const DNS_CONNECTIONS: number = 16;
export const DNS_IDLE_MS: number = 5_000;

/** A grant holds for its TTL, but at least this long: a program connects some time after it asked. */
export const MIN_GRANT_MS: number = 60_000;
/** Grants of one sandbox: addresses, names of one address, and pairs of address and name. */
export const GRANTED_ADDRESSES: number = 4096;
export const NAMES_PER_ADDRESS: number = 64;
export const GRANTS: number = 16_384;
/** Sockets of one sandbox whose programs are remembered. The log names the program that asked. */
export const NOTED_ASKERS: number = 1024;

/** Verdicts of one plugin that are remembered while its rules and the host's addresses are the same. */
export const REMEMBERED_VERDICTS: number = 256;

/** Names whose stale grants of one address are checked again at one connect. */
export const STALE_NAMES_CHECKED: number = 8;

/** Refused names of one sandbox with a line each in a window. One line at its end counts the others. */
export const LOGGED_NAMES: number = 64;
export const LOG_WINDOW_MS: number = 60_000;
/** RFC 8305: Resolution Delay and Connection Attempt Delay. */
export const RESOLUTION_DELAY_MS: number = 50;
export const ATTEMPT_DELAY_MS: number = 250;
/** How often a connect to a UNIX socket is tried again while the queue of its server is full. */
export const SOCKET_RETRY_MS: number = 20;
/** Links that are followed on the way to a UNIX socket of the host. */
export const SOCKET_LINKS: number = 8;
/** Connect attempts under way at the same time. Each holds a descriptor. */
export const CONCURRENT_ATTEMPTS: number = 6;

/** What a proxy may send before a tunnel is open: all heads of HTTP together. */
export const MAX_PROXY_HEAD_BYTES: number = 16 * 1024;
/** How long connect(2) of a non-blocking socket waits for a proxy: its program serves nobody else meanwhile. */
export const PROXY_PATIENCE_MS: number = 5_000;
/** Names of one sandbox that only a proxy resolves, with an address that stands for each. */
export const STAND_INS: number = 4096;
/** Addresses of a name that a proxy is asked for, one after the other, while it cannot reach them. */
export const MAX_PROXY_TARGETS: number = 4;
/** The file with the credentials for a proxy. */
export const MAX_CREDENTIALS_BYTES: number = 1024;

/** Descriptors of the broker, and how many of them stay for the broker itself. Plugins share the others. */
export const BROKER_DESCRIPTORS: number = 16_384;
export const RESERVED_DESCRIPTORS: number = 512;
/** Memory that the cgroup of a sandbox leaves to its launch at least, and how long postern waits for the processes of a cgroup to end. */
export const LAUNCH_MEMORY_MIB: number = 256;
export const CGROUP_REMOVAL_MS: number = 5_000;

/** Listeners that one plugin inherits. */
export const MAX_LISTENERS: number = 64;
/** Callers that wait in the queue of a listener. The kernel takes at most net.core.somaxconn, listen(2). */
export const LISTEN_BACKLOG: number = 4096;

/** Questions of one plugin that wait for a person or a program, and the calls and requests that wait for their answers. */
export const OPEN_ASKS: number = 16;
export const ASK_WAITERS: number = 256;
/** New questions of one plugin in a minute, and at once. */
export const ASKS_PER_MINUTE: number = 20;
/** How long an approval for once waits for what it approves: the connections after a look-up, or the next attempt of a caller that gave up. */
export const ASK_ONCE_MS: number = 60_000;
/** How long a destination that was denied, or that nobody answered, is not asked about again. */
export const ASK_DENIED_MS: number = 60_000;
/** How long a question stays whose callers are gone: a call that a signal interrupted may come again. */
export const ASK_LEFT_MS: number = 5_000;
/** How long connect(2) on a non-blocking socket waits for an answer. Its thread may be an event loop. */
export const ASK_NON_BLOCKING_MS: number = 5_000;
/** Questions of all plugins that the supervisor keeps. Only a broker that was taken over asks more. */
export const KEPT_ASKS: number = 1_024;
/** Hooks that run at the same time, the longest answer of one, and how long its output is read after its end. */
export const HOOKS_AT_ONCE: number = 8;
export const HOOK_ANSWER_BYTES: number = 4096;
export const HOOK_DRAIN_MS: number = 500;
/** How long an answer is kept for the broker after the one that asked. */
export const ANSWER_KEPT_MS: number = 60_000;

/** What `learn` keeps of a run: pairs of host and port, names that were looked up, refusals. */
export const LIVE_ENDPOINTS: number = 1_024;
/** From one report of what was learnt from a running plugin to the next. */
export const LEARN_PAUSE_MS: number = 1_000;
export const LEARNT_ENDPOINTS: number = 8192;
export const LEARNT_NAMES: number = 1024;
export const LEARNT_REFUSALS: number = 256;

/** From SIGTERM to SIGKILL. */
export const STOP_TIMEOUT_MS: number = 10_000;
/** What waits for the reader of stdout or stderr, in bytes for each. */
export const OUTPUT_QUEUE_BYTES: number = 256 * 1024;
/** What ended runs wrote, and the application that started their plugin has not read, in bytes for each stream. More is lost. */
export const UNREAD_OUTPUT_BYTES: number = 1024 * 1024;
/** After a stop, `up` waits this long for the reader of its output, and then drops the rest. */
export const OUTPUT_TIMEOUT_MS: number = 2_000;
/** Pseudo-terminals of a sandbox. The kernel has 4096 for the whole host, pty(7). */
export const MAX_TERMINALS: number = 64;
/** How often the supervisor looks whether its process group is in the terminal's foreground. */
export const TERMINAL_LOOK_MS: number = 200;
/** After the plugin's end, a terminal that takes nothing for this long gets no more. */
export const TERMINAL_DRAIN_MS: number = 5_000;
/** Words of postern's own that wait for the terminal. */
export const TERMINAL_WORDS_BYTES: number = 65_536;
/** From the first process of a sandbox to the execve of its program. Node starts slowly on a slow or busy machine. */
export const LAUNCH_TIMEOUT_MS: number = 60_000;
export const BROKER_START_TIMEOUT_MS: number = 60_000;
/** Plugins that start at the same time; the others wait. A start holds some 60 descriptors for a moment, a running plugin some 15. */
export const STARTS_AT_ONCE: number = 4;

/** Audit events that wait for the supervisor. Past it they are dropped and counted. With when_full: block, requests wait before it is full. */
export const AUDIT_BACKLOG_BYTES: number = 4 * 1024 * 1024;
/** How often it is looked whether the file of the audit log is still at its path. */
export const AUDIT_LOOK_MS: number = 1_000;
/** With when_full: block, no plugin starts while more events wait: a program that ends again and again adds some at each start. */
export const AUDIT_START_BYTES: number = 8 * 1024 * 1024;
/** With when_full: block, more than this is left out all the same. Only a broker that was taken over makes so many events. */
export const AUDIT_MOST_BYTES: number = 256 * 1024 * 1024;
/** How long audit lines are gathered before they are written, and how long a broker that ends may write them. */
export const GATHER_MS: number = 5;
/** Records of answered requests that the broker keeps before it makes their events. */
export const LATE_RECORDS: number = 8;
/** How long a broker that is replaced on purpose may finish what it does. New requests wait meanwhile. */
export const RETIRE_MS: number = 500;
/** From the order to retire to its exit. Past it the supervisor kills the broker. */
export const RETIRE_TIMEOUT_MS: number = 5_000;
/** Names of one sandbox in one line. */
export const GIVEN_NAMES_A_LINE: number = 500;
export const LAST_WORDS_MS: number = 500;
/** Of lines that a broker has written and the supervisor has not read. They outlive the broker. */
export const LINE_PIPE_BYTES: number = 256 * 1024;
/** Lines to the broker, without rules, that it has not read. Past it the supervisor kills the broker. */
export const UNREAD_LINES_BYTES: number = 4 * 1024 * 1024;
/** A broker that has lived this long did not die of its start, nor of what killed the one before. */
export const BROKER_STEADY_MS: number = 10_000;
/** What a broker dies of after this long has nothing to do with the death before. */
export const UNBLAMED_LIFE_MS: number = 60_000;
/** A broker that dies again and again is blamed upon a plugin after this many deaths, each this soon after a request of that plugin. */
export const BLAMED_DEATHS: number = 4;
export const BLAME_WITHIN_MS: number = 1_000;
/** Plugins of which the broker notes when they last asked. */
export const REQUEST_MARKS: number = 4_096;
/** Packets to the broker that it has not received. Past it the supervisor kills the broker. A start sends four for each plugin. */
export const UNRECEIVED_PACKETS: number = 16_384;
/** From one question of the supervisor, whether the broker answers, to the next. */
export const HEARTBEAT_MS: number = 500;
/** Without an answer for this long, /healthz says that no broker answers. */
export const HEARTBEAT_LATE_MS: number = 1_500;
/** Without an answer for this long, the supervisor kills the broker and starts another. */
export const HEARTBEAT_TIMEOUT_MS: number = 3_000;
/** The same, where the broker waits for a processor meanwhile. */
export const HEARTBEAT_BUSY_MS: number = 20_000;
/** One line between supervisor and broker. The longest has the rules of one plugin. */
export const MAX_LINK_LINE_BYTES: number = 64 * 1024 * 1024;

/** Connections to the metrics listener at the same time. Further ones are closed. */
export const METRICS_CONNECTIONS: number = 64;
/** How long a client of the metrics listener may take to send its request, and to read its answer. */
export const METRICS_REQUEST_MS: number = 5_000;
export const METRICS_ANSWER_MS: number = 10_000;
/** From the end of one page of metrics to the begin of the next. All who ask meanwhile get that next page. */
export const METRICS_PAUSE_MS: number = 200;
/** Series that are written as text before the event loop turns to other work. */
export const SERIES_PER_TURN: number = 250;
/** The broker's metrics as text. The supervisor takes no more. */
export const MAX_METRICS_BYTES: number = 64 * 1024 * 1024;

/** Clients of the control socket at the same time. A further one takes the place of the one that has been idle longest. */
export const CONTROL_CLIENTS: number = 64;
/** One line of a client of the control socket, and how long the client may take to send it. */
export const CONTROL_LINE_BYTES: number = 64 * 1024;
export const CONTROL_LINE_MS: number = 10_000;
/** Requests in one line (a batch), and those of one client that are under way. Past it the client is not read. */
export const CONTROL_BATCH: number = 64;
export const CONTROL_REQUESTS: number = 16;
/** Lines of one client that are read before the event loop turns to other work. */
export const CONTROL_LINES_PER_TURN: number = 32;
/** Answers that a client has not read. Past it the client is not read, and what it watches leaves out what comes. */
export const CONTROL_BACKLOG_BYTES: number = 1024 * 1024;
/** A client that leaves answers unread for this long is disconnected. */
export const CONTROL_STUCK_MS: number = 30_000;
/** What one client watches, and the shortest time from one report to the next. */
export const CONTROL_WATCHES: number = 16;
export const CONTROL_LEAST_INTERVAL_MS: number = 250;
/** An answer of the control socket as a command reads it. */
export const MAX_CONTROL_ANSWER_BYTES: number = 64 * 1024 * 1024;
/** Pids of ended brokers that no client of the control socket may have. */
export const KEPT_BROKER_PIDS: number = 64;
/** How long a command waits for room in the queue of the control socket. */
export const CONTROL_CONNECT_MS: number = 30_000;
/** Refused destinations of one plugin that are kept. The one that was refused least often makes room. */
export const KEPT_DENIALS: number = 256;
/** Characters of one text of an audit event that are kept. */
export const KEPT_TEXT: number = 2_000;
/** The last lines of one plugin's output that are kept, their characters in all, and those of one line. */
export const KEPT_LINES: number = 1_000;
export const KEPT_CHARACTERS: number = 256 * 1024;
export const KEPT_LINE_CHARACTERS: number = 8_192;

/** How much longer than the time limit a client waits, so that the broker can report the timeout itself. */
export const TIMEOUT_GRACE_MS: number = 250;

/** Requests of a client that wait for room in the pipe: four times the default of queued_requests. */
export const MAX_WAITING_REQUESTS: number = 4096;
/** Replies that a client takes before the event loop turns to the work of the program. */
export const REPLIES_PER_TURN: number = 64;

/** A message of a plugin to its notify socket, and how many of them are read in a second. */
export const MAX_NOTICE_BYTES: number = 4096;
export const NOTICES_PER_SECOND: number = 20;
/** Of a plugin's status, as an operator sees it. */
export const SHOWN_STATUS_CHARACTERS: number = 256;

/** Calls of one sandbox that the broker works on at the same time. Further calls wait in the kernel. */
export const NOTIFIED_CALLS: number = 2048;
/** Listening AF_UNIX sockets of a sandbox outside its own file systems that connects find. */
export const UNIX_LISTENERS: number = 4_096;
/** AF_UNIX calls of one sandbox that wait in the supervisor, and how many of them one broker sends. */
export const UNIX_ORDERS: number = 64;
export const UNIX_ORDERS_SENT: number = 32;
/** How long the end of a process waits for threads that load. */
export const THREAD_LOAD_MS: number = 5_000;
/** How long a plugin's order may hold up a thread of the supervisor before the plugin has that thread for itself. */
export const ORDER_APART_MS: number = 100;
/** Of those calls and of modes of folders, whose paths are long. The socket has room for the orders of many sandboxes. */
export const ORDER_BYTES_SENT: number = 16 * 1024;
/** How often the broker looks at a call that waits: has its caller a signal, and does it still exist? */
export const WAITING_CALL_MS: number = 50;
/** Calls of one sandbox that are looked at each time. If there are more, each is looked at less often. */
export const WAITING_CALLS_LOOKED_AT: number = 64;
/** The broker stalls on a plugin if a call waits longer than this in the kernel. From then on it reaches that plugin on a separate thread. */
export const STALL_SLOW_MS: number = 20;
/** A plugin that has caused no stall for this long is served as before its first one. */
export const STALL_FORGIVEN_MS: number = 60_000;
/** The broker kills a plugin's sandbox after one stall of this length. */
export const STALL_LIMIT_MS: number = 1000;
/** After the first stall, all further stalls of a plugin may take this long together. This share of the time that passes is given back. */
export const STALL_BUDGET_MS: number = 250;
export const STALL_BUDGET_SHARE: number = 0.005;
/** So much of the time in which a plugin's threads wait for a processor is excused. This share of the time that passes is given back. */
export const STALL_ALLOWANCE_MS: number = 2000;
export const STALL_ALLOWANCE_SHARE: number = 0.01;
/** How often the watchdog looks, and how many of its looks must find a thread held. */
export const STALL_CHECK_MS: number = 10;
export const STALL_LEAST_LOOKS: number = 2;
/** Threads of a process that the watchdog looks at. */
export const STALL_THREADS_LOOKED_AT: number = 64;
/** The broker does not search a larger table of descriptors for duplicates of a socket. */
export const SEARCHED_DESCRIPTORS: number = 64;
/** Open connections of one plugin that the broker can note. Each has so many bytes for its id, what was asked for, and what decided. */
export const CONNECTION_SLOTS: number = 65_536;
export const CONNECTION_SLOT_BYTES: number = 1024;
/** One more at the start, for what is noted about all of them. */
export const CONNECTIONS_MEMORY_BYTES: number = (CONNECTION_SLOTS + 1) * CONNECTION_SLOT_BYTES;
/** Open connections that are listed for an operator: at most in one answer, and those whose bytes are asked for before the broker turns to other work. */
export const LISTED_CONNECTIONS: number = 1_000;
export const LISTED_AT_ONCE: number = 32;
/** Connections whose age is read, to find the newest, before the broker turns to other work. */
export const SORTED_CONNECTIONS: number = 1_024;
/** Open connections of one plugin whose bytes are read for one report of what plugins use, and the plugins in one line of it. */
export const SURVEYED_CONNECTIONS: number = 1_024;
export const USAGE_AT_ONCE: number = 64;
/** Files of /proc that are read about one sandbox for such a report, and those before the supervisor turns to other work. */
export const USAGE_FILES: number = 512;
export const USAGE_FILES_AT_ONCE: number = 32;
/** How long the sandboxes of all plugins are read for one report, and how long a report serves further askers. */
export const USAGE_MS: number = 250;
export const USAGE_FRESH_MS: number = 200;
/** How long the kernel's reports of ended sockets are gathered. It reports those of the whole host. */
export const ENDS_PAUSE_MS: number = 20;
/**
 * When the broker looks for the holders of connections that must end: from one look to the next. After the last one it ends the plugin. What is
 * still open then is looked for again.
 */
export const REVOKE_LOOKS_MS: readonly number[] = [0, 20, 50, 100, 200, 300];
export const END_AGAIN_MS: number = 500;
/**
 * Processor time in which the broker looks for the holders of connections that must end, and the files of proc(5) that it reads before it turns to other
 * work. What does not end is looked for again after a pause of so many times as long.
 */
export const END_SEARCH_MS: number = 1_000;
export const END_FILES_PER_TURN: number = 32;
export const END_PAUSE_FACTOR: number = 10;
/**
 * When the broker looks at the bytes of a plugin with sent_mib or received_mib: as soon as they could be used up at this rate (10 Gbit/s), but
 * within these bounds. With many connections it looks at so many in a millisecond.
 */
export const QUOTA_BYTES_PER_MS: number = 1_250_000;
export const QUOTA_LOOK_MS: { readonly least: number; readonly most: number } = { least: 20, most: 250 };
export const QUOTA_LOOKS_PER_MS: number = 10;
/** How often the broker looks whether a program has closed a connection that is to be reset then, and how many of a sandbox it looks at each time. */
export const RESET_LOOK_MS: number = 20;
export const RESETS_LOOKED_AT: number = 64;
/** A connection that is too old ends this much later at most. The broker looks at least so often, since a clock can stop. */
export const AGE_LOOK_MS: { readonly least: number; readonly most: number } = { least: 500, most: 3_600_000 };
/** How long after a socket is gone its report may still come. */
export const LATE_REPORT_MS: number = 500;
/** Connections of a plugin at its limit that the broker checks for closed ones: at a time, and in a second (2 µs each). */
export const LOOKED_AT_CONNECTIONS: number = 256;
export const LOOKS_PER_SECOND: number = 20_000;
/** Non-blocking connects of one sandbox whose end the broker awaits, to log and count it. */
export const SETTLING_CONNECTS: number = 512;

/** Entries of one writable path that are looked at, for programs with a privilege. With more it is refused. */
export const WALKED_ENTRIES: number = 1_000_000;
/** Entries of one read-only path that are looked at, for pipes. */
export const PIPE_WALK_ENTRIES: number = 200_000;
/** Pipes of one read-only path that are hidden one by one. Each is a mount, and the kernel's default is 100,000 of a namespace. */
export const PIPE_MASKS: number = 1000;
/** Names of folders that such a walk keeps, 255 bytes each at most. */
export const WALK_WAITING_FOLDERS: number = 100_000;
/** Bytes of paths that such a walk looks at before the event loop turns to other work: some 500 files. */
export const WALK_TURN_BYTES: number = 32 * 1024;
