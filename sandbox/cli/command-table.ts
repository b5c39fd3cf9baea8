// The commands of postern, in the order of the help text. Dispatch, help, the exit status of a wrong call and the shell part of the command come from this
// table. The first module of the command loads it, so it loads nothing itself.

interface CommandRow {
  /** Its heading in the help text. */
  readonly group: 'Run' | 'Rules' | 'Operate' | 'Answer';
  readonly description: string;
  /** Commands that also stand behind this one, as `asks approve`. */
  readonly parts?: readonly CommandName[];
  /** It asks or steers a running supervisor, and loads nothing of one. */
  readonly operates?: true;
  /** Its exit status is that of the program that it runs. */
  readonly runs?: true;
  /** It starts sandboxes, for which it needs processes and threads. */
  readonly starts?: true;
}

const TABLE = {
  run: {
    group: 'Run',
    description: 'run a program with no network but the connections that rules allow',
    runs: true,
    starts: true,
  },
  up: { group: 'Run', description: 'run the plugins of a configuration file', starts: true },
  init: { group: 'Run', description: 'write a first, commented postern.yaml' },
  mcp: { group: 'Run', description: "put postern before the servers in an MCP client's file" },
  doctor: {
    group: 'Run',
    description: 'test whether this host can run postern, and print a fix for what is missing',
    starts: true,
  },
  completion: {
    group: 'Run',
    description: 'print the script by which a shell completes commands and options',
  },
  learn: {
    group: 'Rules',
    description: 'run a program in audit mode and print the rules that it needed',
    runs: true,
    starts: true,
  },
  check: {
    group: 'Rules',
    description: 'check a configuration file: what a start would refuse, and rules without effect',
  },
  diff: {
    group: 'Rules',
    description: 'compare two configuration files: which destinations a change opens and closes',
  },
  presets: { group: 'Rules', description: 'show the presets that come with postern, and what each opens' },
  import: {
    group: 'Rules',
    description: "turn another tool's settings into a configuration: sandbox-runtime, Smokescreen, VS Code",
  },
  explain: { group: 'Rules', description: 'show the decision on a destination, and the reason' },
  test: {
    group: 'Rules',
    description: 'run policy vectors: rules, a request, its addresses and the expected decision',
  },
  status: {
    group: 'Operate',
    description: 'show what the running postern and its plugins do',
    operates: true,
  },
  top: {
    group: 'Operate',
    description: 'show what each plugin uses, each second: q ends it',
    operates: true,
  },
  ui: { group: 'Operate', description: 'print a link to the live page, and serve it if up does not' },
  connections: {
    group: 'Operate',
    description: 'show the open connections, and the bytes of each so far',
    operates: true,
  },
  denials: {
    group: 'Operate',
    description: 'show what was refused most often, and the rules that would allow it',
    operates: true,
  },
  disconnect: { group: 'Operate', description: 'end open connections of a plugin', operates: true },
  rules: {
    group: 'Operate',
    description: 'show the rules in force, and how often each has decided',
    operates: true,
  },
  logs: { group: 'Operate', description: 'show the last lines that plugins wrote', operates: true },
  audit: { group: 'Operate', description: 'read the audit log: what was allowed, refused and closed' },
  report: {
    group: 'Operate',
    description: 'write a file for a bug report or a question, without secrets',
    starts: true,
  },
  reload: {
    group: 'Operate',
    description: 'read the configuration again, and put it in force',
    operates: true,
  },
  start: { group: 'Operate', description: 'start plugins that were stopped or have ended', operates: true },
  stop: { group: 'Operate', description: 'stop plugins until they are started again', operates: true },
  restart: { group: 'Operate', description: 'stop plugins and start them at once', operates: true },
  asks: {
    group: 'Answer',
    description: 'show the destinations that wait for an answer (unknown: ask)',
    operates: true,
    parts: ['approve', 'deny'],
  },
  approve: { group: 'Answer', description: 'permit a destination that waits for an answer', operates: true },
  deny: { group: 'Answer', description: 'refuse a destination that waits for an answer', operates: true },
} as const;

export type CommandName = keyof typeof TABLE;
type NameOf<Part> = {
  [Name in CommandName]: (typeof TABLE)[Name] extends Part ? Name : never;
}[CommandName];
/** The commands that ask or steer a running supervisor. */
export type ControlName = NameOf<{ readonly operates: true }>;

export const COMMANDS: Readonly<Record<CommandName, CommandRow>> = TABLE;
export const COMMAND_NAMES: readonly CommandName[] = Object.keys(TABLE) as CommandName[];

/** The row of what stands on the command line; undefined: there is no such command. */
export function commandRow(word: string): CommandRow | undefined {
  return COMMAND_NAMES.includes(word as CommandName) ? COMMANDS[word as CommandName] : undefined;
}
