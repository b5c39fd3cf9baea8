// Errors of postern: a stable code, a message and a fix. This table holds every code.

// The base class of every error of postern. A refusal is no error but a value with a reason: an error is something that postern
// could not do.

/** Facts about an error besides its message: system call, errno, path, step. */
export type ErrorFields = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * An error of postern. Programs recognise it by its stable `code`, never by its text.
 *
 * The message says what happened, to what, and why. `fix` says what to do about it.
 */
export class PosternError extends Error {
  override readonly name: string = 'PosternError';
  readonly code: ErrorCode | SystemCode;
  readonly fix: string | undefined;
  readonly fields: ErrorFields;
  /** Of `run`, where this error ends it. */
  readonly exitStatus: number;
  /** The message, a line for each of several mistakes. A new line within one of them is foreign text. */
  readonly lines: readonly string[];

  constructor(
    code: ErrorCode | SystemCode,
    message: string | readonly string[],
    options: {
      fix?: string | undefined;
      cause?: unknown;
      fields?: ErrorFields;
      /** Missing: that of the code. */
      exitStatus?: number;
    } = {},
  ) {
    const lines = typeof message === 'string' ? [message] : message;
    super(lines.join('\n'), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.lines = lines;
    this.fix = options.fix;
    this.fields = options.fields ?? {};
    this.exitStatus = options.exitStatus ?? formOf(code)?.status ?? 125;
  }
}

/** What anything that was thrown says. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

// Every code of a PosternError: what it means and what usually helps. The type of the codes, exit statuses and docs/errors.md are made
// from this table.

export interface ErrorForm {
  /**
   * Which process throws it. An error of the broker reaches the user with the code `broker_failed`, one of the launcher with
   * `launch_failed`.
   */
  readonly in: 'supervisor' | 'broker' | 'launcher';
  /** The exit status of `run`; of `explain` for a code that `run` does not have. */
  readonly status: number;
  readonly what: string;
  readonly fix: string;
  /** Whether the cause may lie in the host, so that the message points to `postern doctor`. */
  readonly doctor?: true;
}

export const ERROR_CODES = {
  audit_destination: {
    in: 'supervisor',
    status: 125,
    what: 'postern cannot append to the audit file, or `postern audit` cannot read it.',
    fix: 'Name a file in a folder that exists and that you may write. To read a log, name its file.',
  },
  bad_call: {
    in: 'supervisor',
    status: 125,
    what: 'A system call cannot be added by this option.',
    fix: 'Use the option that the message names, or leave the call out.',
  },
  bad_config: {
    in: 'supervisor',
    status: 125,
    what: 'A configuration file, a file of rules, or what an application passed has mistakes. Each has a line with its place.',
    fix: 'Correct each line of the message. `postern check` tries a file without running it.',
  },
  bad_destination: {
    in: 'supervisor',
    status: 2,
    what: 'The argument of `explain` is not a destination.',
    fix: 'Write HOST:PORT, for example api.example.com:443.',
  },
  bad_environment: {
    in: 'supervisor',
    status: 125,
    what: 'A name cannot be that of an environment variable, or postern sets the variable itself.',
    fix: 'Use letters, digits and _, and no variable that begins with POSTERN_ or LISTEN_.',
  },
  bad_home: {
    in: 'supervisor',
    status: 125,
    what: 'A folder cannot be the kept home of a plugin.',
    fix: 'Use a folder that only plugins use, below a home directory and owned by the user who starts postern.',
  },
  bad_limit: {
    in: 'supervisor',
    status: 125,
    what: 'A limit has an unknown name, or a value out of its range.',
    fix: 'Take name and range from docs/limits.md.',
  },
  bad_name: {
    in: 'supervisor',
    status: 125,
    what: 'A name cannot be that of a plugin.',
    fix: 'Use a-z, 0-9, _ and -, at most 63 characters, a letter or digit first.',
  },
  bad_rules: {
    in: 'supervisor',
    status: 125,
    what: 'A rule cannot be read.',
    fix: 'Correct the rule as the message says. docs/rules.md describes the forms.',
  },
  bad_via: {
    in: 'supervisor',
    status: 125,
    what: 'What `via` names cannot be used: a proxy, its credentials, a source address or a resolver.',
    fix: 'Correct it as the message says. docs/how-to/proxy.md has examples.',
  },
  bad_secret: {
    in: 'supervisor',
    status: 125,
    what: 'A secret of a gateway, or the headers of an export, cannot be read, or can be none: empty, too short or long, or with more than one line. Or the file has another name, which a plugin could see.',
    fix: 'Correct it as the message says. docs/how-to/gateway.md and docs/how-to/export.md have examples.',
  },
  broker_failed: {
    in: 'supervisor',
    status: 125,
    what: 'The broker did not start, has ended, or gave no answer in time.',
    fix: 'Run `postern doctor`. postern itself starts a broker again that has ended.',
    doctor: true,
  },
  closed: {
    in: 'supervisor',
    status: 125,
    what: 'An application used a supervisor that it had closed.',
    fix: 'Create another one.',
  },
  control_refused: {
    in: 'supervisor',
    status: 125,
    what: 'The running supervisor refused the request of a command, or has no such request.',
    fix: 'Do what the message says. Command and supervisor may be of different versions.',
  },
  control_socket: {
    in: 'supervisor',
    status: 125,
    what: 'postern cannot listen for commands at the path of the control socket, or a running postern listens there.',
    fix: 'Name a path in a folder that only you may write, by `control:` or --control, or write `control: off`.',
  },
  control_unreachable: {
    in: 'supervisor',
    status: 125,
    what: 'A command found no running postern, or could not talk with it.',
    fix: 'Start one with `postern up`, or name its socket by --control.',
  },
  hidden: {
    in: 'supervisor',
    status: 125,
    what: 'The working directory is hidden from the plugin.',
    fix: 'Start elsewhere with --cwd, or show a part of what is hidden with --visible.',
  },
  launch_failed: {
    in: 'supervisor',
    status: 125,
    what: 'A step of the start of the sandbox failed, or the program cannot be run in it.',
    fix: 'Do what the message says. `postern doctor` tries each thing that a sandbox needs.',
    doctor: true,
  },
  listen_address: {
    in: 'supervisor',
    status: 125,
    what: 'A listener has no valid address or name, or its address cannot be bound.',
    fix: 'Write NAME=ADDRESS:PORT or NAME=PATH, and choose an address that no other program has.',
  },
  metrics_address: {
    in: 'supervisor',
    status: 125,
    what: 'The address for metrics is not valid, or cannot be bound.',
    fix: 'Write HOST:PORT, and choose a port that no other program has.',
  },
  missing_capabilities: {
    in: 'supervisor',
    status: 125,
    what: 'postern was started as root without CAP_SETUID, CAP_SETGID or CAP_KILL.',
    fix: 'Add these capabilities, or start postern as an ordinary user.',
  },
  missing_library: {
    in: 'supervisor',
    status: 125,
    what: 'A library, libseccomp or libcap-ng, cannot be loaded.',
    fix: 'Install the package that the message names.',
    doctor: true,
  },
  name_taken: {
    in: 'supervisor',
    status: 125,
    what: 'An application started a plugin with the name of one that runs.',
    fix: 'Stop that plugin first, or choose another name.',
  },
  no_cgroup: {
    in: 'supervisor',
    status: 125,
    what: 'A limit needs a cgroup that is delegated to postern, and there is none.',
    fix: 'Start postern by systemd-run with -p Delegate=yes, or leave the limit out.',
  },
  no_id_range: {
    in: 'supervisor',
    status: 125,
    what: 'Root has no free range of user ids for another plugin.',
    fix: 'Give `postern` a larger range in /etc/subuid.',
    doctor: true,
  },
  no_such_ask: {
    in: 'supervisor',
    status: 125,
    what: 'No question with this id is open: it was answered, its time was over, or nobody waits for it any more.',
    fix: 'Look at the open questions. The program may try again, and is then asked about anew.',
  },
  no_such_connection: {
    in: 'supervisor',
    status: 125,
    what: 'No connection with this id is open: it has ended, or its plugin has none like it.',
    fix: 'Look at the open connections.',
  },
  no_plugin: {
    in: 'supervisor',
    status: 2,
    what: 'The configuration file has no plugin with this name.',
    fix: 'Use one of the names that the message lists.',
  },
  no_sock_diag: {
    in: 'supervisor',
    status: 125,
    what: 'A limit of the plugin needs sock_diag(7), and the kernel does not have it: `connections`, `connection_seconds`, `sent_mib` or `received_mib`.',
    fix: 'Load the modules inet_diag and tcp_diag, or leave the limit out.',
  },
  not_allowed: {
    in: 'supervisor',
    status: 125,
    what: 'The whole root directory cannot be shown to a plugin or hidden from it. A file system of the kernel, for example /proc, cannot be shown.',
    fix: 'Name the folders, one by one.',
  },
  not_found: {
    in: 'supervisor',
    status: 125,
    what: 'A path or the command does not exist. For the command the exit status is 127.',
    fix: 'Correct the path. If the message names an option, show the path with it.',
  },
  path_not_apart: {
    in: 'supervisor',
    status: 125,
    what: "A path of a plugin, or a rule for a UNIX socket, leads through a folder that a plugin may write. Or a plugin may write postern's own file, a link or a hard link to it, or a place where postern or its hook looks first.",
    fix: 'Name the path without the link, keep it outside, or keep the file of postern elsewhere.',
  },
  old_kernel: {
    in: 'supervisor',
    status: 125,
    what: 'The kernel is too old, or the system is not Linux.',
    fix: 'Boot a newer kernel.',
    doctor: true,
  },
  output_file: {
    in: 'supervisor',
    status: 125,
    what: 'The command `learn` cannot write its file of rules, or the file exists.',
    fix: 'Name a new file in a folder that you may write.',
  },
  privileged_file: {
    in: 'supervisor',
    status: 125,
    what: 'A writable path holds a set-uid or set-gid program, one with file capabilities, folders that cannot be looked through, or more than a million files.',
    fix: 'Take the privilege from the file, remove such folders, or name a narrower folder.',
  },
  plugin_parked: {
    in: 'supervisor',
    status: 125,
    what: 'The broker died again and again, each time right after a request of this plugin, or the kernel held the broker up for this plugin even after its end. The plugin is ended and not started again.',
    fix: 'Report the program as a defect of postern. `up` starts it anew when `up` itself is started again.',
  },
  policy_not_kept: {
    in: 'supervisor',
    status: 125,
    what: 'The signed policy cannot be kept on disk.',
    fix: 'Make the folder that the message names writable, or name another one by XDG_STATE_HOME or STATE_DIRECTORY.',
  },
  rule_not_written: {
    in: 'supervisor',
    status: 125,
    what: 'The rule for an approved destination cannot be written into the file. The question stays open.',
    fix: 'Do what the message says, or approve the destination once or for this run.',
  },
  no_way_to_ask: {
    in: 'supervisor',
    status: 125,
    what: '`run --ask` has no terminal at which it could ask, and no control socket over which somebody could answer.',
    fix: 'Start it in the foreground of a terminal, name a control socket by --control PATH and answer by `postern approve`, or leave out --ask.',
  },
  shortage: {
    in: 'supervisor',
    status: 125,
    what: 'The host has no descriptor, process or memory left for a start. `up` tries again later.',
    fix: 'Raise the limit that the message names, or run fewer plugins.',
  },
  ui_address: {
    in: 'supervisor',
    status: 125,
    what: 'The live page cannot be served at its address, or is not served.',
    fix: 'Choose a port that no other program has, and see what postern has said of it.',
  },
  unknown_plugin: {
    in: 'supervisor',
    status: 2,
    what: 'There is no plugin with this name.',
    fix: 'Name one of those that the message lists.',
  },
  unsafe_stream: {
    in: 'supervisor',
    status: 125,
    what: 'A standard stream is a socket that reaches elsewhere, or of an unknown kind.',
    fix: 'Put a pipe between: `| cat` for output, `cat |` for input.',
  },
  usage: {
    in: 'supervisor',
    status: 125,
    what: 'The arguments of a command are wrong.',
    fix: 'Read the help of the command (--help).',
  },
  broker_cage: {
    in: 'broker',
    status: 125,
    what: 'The broker cannot give up what it does not need.',
    fix: 'Run `postern doctor`.',
  },
  broker_ids: {
    in: 'broker',
    status: 125,
    what: 'The broker cannot give up the user ids or capabilities of root.',
    fix: 'Start postern with CAP_SETUID, CAP_SETGID and CAP_SETPCAP, or as an ordinary user.',
  },
  broker_mounts: {
    in: 'broker',
    status: 125,
    what: 'The broker is in the mount namespace of the supervisor.',
    fix: 'Run `postern doctor`.',
  },
  broker_parent: {
    in: 'broker',
    status: 125,
    what: 'The supervisor ended while the broker started.',
    fix: 'Start postern again.',
  },
  link: {
    in: 'broker',
    status: 125,
    what: 'The supervisor sent something that the broker did not expect.',
    fix: 'This is a bug in postern: please report it.',
  },
  capabilities: {
    in: 'launcher',
    status: 125,
    what: 'The launcher cannot give up its capabilities.',
    fix: 'Run `postern doctor`.',
  },
  wrong_thread: {
    in: 'supervisor',
    status: 125,
    what: 'An application created a supervisor, or called spawn(), in a worker thread.',
    fix: 'Use the main thread: the kernel ends plugins with the thread that started them. wrap() works in every thread.',
  },
  command_not_found: {
    in: 'launcher',
    status: 127,
    what: 'The program does not exist in the sandbox.',
    fix: 'If the host has it, show it with --visible or `filesystem.visible`.',
  },
  command_not_runnable: {
    in: 'launcher',
    status: 126,
    what: 'The program exists in the sandbox, but cannot be run.',
    fix: 'Name a file that is executable, with an interpreter that the sandbox has.',
  },
  seccomp: {
    in: 'launcher',
    status: 125,
    what: 'The kernel refused a filter, or neither libseccomp nor postern knows a call that was added.',
    fix: 'Leave the call out, or install a newer libseccomp.',
  },
  spec: {
    in: 'launcher',
    status: 125,
    what: 'The launcher did not receive what to start.',
    fix: 'This is a bug in postern: please report it.',
  },
} as const;

/** The form of a code; undefined for that of a system call. */
export function formOf(code: ErrorCode | SystemCode): ErrorForm | undefined {
  const forms: Readonly<Record<string, ErrorForm>> = ERROR_CODES;
  return forms[code];
}

export type ErrorCode = keyof typeof ERROR_CODES;

/** The code of a system call that failed, or of a name that was not resolved: `ECONNREFUSED`, `EAI_AGAIN`. */
export type SystemCode = `E${string}` | `errno ${number}`;
