// Every limit of a plugin, by the name that a file and --limit give it. Types, the schema, the help and docs/config.md are made from
// this table. A default stands here and nowhere else.

export interface LimitForm {
  /** What the value counts. */
  readonly unit: string;
  readonly min: number;
  readonly max: number;
  /** Missing: the plugin has no such limit. */
  readonly default?: number;
  readonly help: string;
  /** What happens past the limit. */
  readonly past: string;
  /** The kernel must have sock_diag(7). */
  readonly needsSockDiag?: true;
  /** Each connect is held against it: a plugin that has it makes no ordinary connect (broker/trap/ordinary-connect.ts). */
  readonly eachConnect?: true;
  /** It bounds the sandbox itself. A gateway has a sandbox of its own, and none of its plugin's. */
  readonly ofSandbox?: true;
  /** Missing: no metric counts it. */
  readonly metric?: CountedLimit;
}

/** A value of the label `limit` in postern_limit_rejections_total. */
interface CountedLimit {
  readonly word: string;
  /** What it counts, for docs/metrics.md. */
  readonly counts: string;
  /** It is counted only where the sandbox has a control group. */
  readonly onlyWithCgroup?: true;
}

export const LIMIT_FORMS = {
  connections: {
    unit: 'connections',
    needsSockDiag: true,
    min: 1,
    max: 65_536,
    help: 'Connections to the outside that are open at the same time.',
    past: 'connect fails with EAGAIN',
    metric: { word: 'connections', counts: '`connections` refused a connection.' },
  },
  connection_seconds: {
    unit: 'seconds',
    needsSockDiag: true,
    min: 1,
    max: 1_000_000_000,
    help: 'Age of each connection to the outside.',
    past: 'postern ends the connection',
  },
  sent_mib: {
    unit: 'MiB',
    needsSockDiag: true,
    eachConnect: true,
    min: 1,
    max: 1_073_741_824,
    help: 'What all connections to the outside send in sum, over all starts of the plugin while this postern runs.',
    past: 'postern ends the open connections, and connect fails with EDQUOT',
    metric: { word: 'sent', counts: '`sent_mib` refused a connection.' },
  },
  received_mib: {
    unit: 'MiB',
    needsSockDiag: true,
    eachConnect: true,
    min: 1,
    max: 1_073_741_824,
    help: 'What all connections to the outside receive in sum, over all starts of the plugin while this postern runs.',
    past: 'postern ends the open connections, and connect fails with EDQUOT',
    metric: { word: 'received', counts: '`received_mib` refused a connection.' },
  },
  bytes_per_second: {
    unit: 'bytes',
    eachConnect: true,
    min: 1024,
    max: 100_000_000_000,
    help: 'What each connection to the outside sends within a second (SO_MAX_PACING_RATE). What it receives is not slowed down.',
    past: 'the bytes wait in the kernel',
  },
  concurrent_requests: {
    unit: 'requests',
    min: 1,
    max: 10_000,
    default: 64,
    help: 'Requests that the broker works on at the same time.',
    past: 'the request waits',
    metric: {
      word: 'concurrency',
      counts:
        '`concurrent_requests` refused a request: `queued_requests` is 0, or its time limit was over before its turn. Or the plugin asked for too many channels.',
    },
  },
  queued_requests: {
    unit: 'requests',
    min: 0,
    max: 100_000,
    default: 1024,
    help: 'Requests that wait.',
    past: 'the request fails with EAGAIN',
    metric: { word: 'queue', counts: 'A request found `queued_requests` waiting.' },
  },
  requests_per_second: {
    unit: 'requests',
    min: 1,
    max: 1_000_000,
    default: 20_000,
    help: 'Requests that the broker begins within a second.',
    past: 'the request waits',
    metric: {
      word: 'rate',
      counts:
        '`requests_per_second` refused a request: `queued_requests` is 0, or its time limit was over before its turn.',
    },
  },
  questions_per_second: {
    unit: 'questions',
    min: 1,
    max: 100_000,
    default: 200,
    help: 'Questions to the DNS of the sandbox within a second. After a pause, twice as many may come at once.',
    past: 'the question waits',
    metric: {
      word: 'dns_rate',
      counts:
        '`questions_per_second` made questions wait: one for each wait. Or too many questions of the plugin had no answer yet.',
    },
  },
  log_lines_per_second: {
    unit: 'lines',
    min: 1,
    max: 1_000_000,
    default: 20_000,
    help: 'Audit events within a second, and as many lines of output under `up`.',
    past: 'the line is counted and not written. With `when_full: block` a request waits instead',
    metric: { word: 'log_rate', counts: '`log_lines_per_second` left out an event or a line of output.' },
  },
  descriptors: {
    unit: 'descriptors',
    ofSandbox: true,
    min: 16,
    // Half of the broker's: the kernel counts descriptors in flight by uid. More than the default breaks select(2), so a plugin asks for it.
    max: 8192,
    default: 1024,
    help: 'Open descriptors of each process (RLIMIT_NOFILE). If the hard limit of postern is lower, that one counts. More than 1024 are at most half of it.',
    past: 'the call fails with EMFILE',
  },
  processes: {
    unit: 'processes',
    ofSandbox: true,
    min: 1,
    max: 1_000_000,
    default: 4096,
    help: 'Processes and threads of the sandbox (RLIMIT_NPROC).',
    past: 'fork and clone fail with EAGAIN',
    metric: { word: 'processes', counts: '`processes` refused a process or thread.', onlyWithCgroup: true },
  },
  memory_mib: {
    unit: 'MiB',
    ofSandbox: true,
    min: 16,
    max: 16_777_216,
    help: 'Private writable memory that one process reserves (RLIMIT_DATA).',
    past: 'the call fails with ENOMEM',
  },
  total_memory_mib: {
    unit: 'MiB',
    ofSandbox: true,
    min: 16,
    max: 16_777_216,
    help: 'Memory that the whole sandbox uses, with its /tmp, home and /dev/shm (cgroup v2, memory.max).',
    past: 'every process of the sandbox is killed',
    metric: { word: 'memory', counts: 'The sandbox reached `total_memory_mib`.', onlyWithCgroup: true },
  },
  cpu_seconds: {
    unit: 'seconds',
    ofSandbox: true,
    min: 1,
    max: 1_000_000_000,
    help: 'Processor time of one process (RLIMIT_CPU).',
    past: 'SIGXCPU, and SIGKILL a second later',
  },
  cpu_percent: {
    unit: 'percent of one processor',
    ofSandbox: true,
    min: 1,
    max: 100_000,
    help: 'Processor time of the whole sandbox (cgroup v2, cpu.max).',
    past: 'its processes wait',
    metric: {
      word: 'cpu',
      counts: 'Periods of 0.1 s in which `cpu_percent` made the sandbox wait.',
      onlyWithCgroup: true,
    },
  },
  file_mib: {
    unit: 'MiB',
    ofSandbox: true,
    min: 1,
    max: 16_777_216,
    help: 'Size of each file that the plugin writes (RLIMIT_FSIZE).',
    past: 'SIGXFSZ',
  },
  tmp_mib: {
    unit: 'MiB',
    ofSandbox: true,
    min: 1,
    max: 16_777_216,
    default: 1024,
    help: 'Size of its /tmp. A file takes at least one page.',
    past: 'the call fails with ENOSPC',
  },
  home_mib: {
    unit: 'MiB',
    ofSandbox: true,
    min: 1,
    max: 16_777_216,
    default: 1024,
    help: 'Size of its home directory. It does not bound a home that `home` keeps.',
    past: 'the call fails with ENOSPC',
  },
  shm_mib: {
    unit: 'MiB',
    ofSandbox: true,
    min: 1,
    max: 16_777_216,
    default: 256,
    help: 'Size of its /dev/shm.',
    past: 'the call fails with ENOSPC',
  },
} as const;

type Forms = typeof LIMIT_FORMS;
const FORMS = Object.entries<LimitForm>(LIMIT_FORMS);

export type LimitName = keyof Forms;

/** The limits that hold if nothing is written. */
type DefaultName = { [N in LimitName]: Forms[N] extends { readonly default: number } ? N : never }[LimitName];

type Camel<S extends string> = S extends `${infer First}_${infer Rest}`
  ? `${First}${Capitalize<Camel<Rest>>}`
  : S;

/** The limits as a file or --limit writes them. */
export type WrittenLimits = { readonly [N in LimitName]?: number | undefined };

/** Every limit of a plugin, for example `memoryMib` for memory_mib. Undefined: the plugin has no such limit. */
export type Limits = { readonly [N in DefaultName as Camel<N>]: number } & {
  readonly [N in Exclude<LimitName, DefaultName> as Camel<N>]?: number | undefined;
};

/** Fills in the defaults. */
export function limitsOf(written: WrittenLimits): Limits {
  const values: Readonly<Record<string, number | undefined>> = written;
  const limits = Object.fromEntries(FORMS.map(([name, form]) => [camel(name), values[name] ?? form.default]));
  if (!hasEveryDefault(limits)) throw new Error('A limit has lost its default');
  return limits;
}

/** Those of a plugin's limits that need sock_diag(7). */
export function limitsBySockDiag(limits: Limits): readonly string[] {
  const values: Readonly<Record<string, number | undefined>> = limits;
  return FORMS.filter(([name, form]) => form.needsSockDiag && values[camel(name)] !== undefined).map(
    ([name]) => name,
  );
}

/** Whether a plugin has a limit that each connect is held against. */
export function boundsEachConnect(limits: Limits): boolean {
  return EACH_CONNECT.some((key) => limits[key] !== undefined);
}

function hasEveryDefault(limits: Readonly<Record<string, number | undefined>>): limits is Limits {
  return FORMS.every(([name, form]) => form.default === undefined || limits[camel(name)] !== undefined);
}

function camel(name: string): string {
  return name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

const EACH_CONNECT = keysWith('eachConnect');
/** The limits of the sandbox itself. */
export const SANDBOX_LIMITS: readonly (keyof Limits)[] = keysWith('ofSandbox');

function keysWith(flag: 'eachConnect' | 'ofSandbox'): readonly (keyof Limits)[] {
  return FORMS.filter(([, form]) => form[flag]).map(([name]) => camel(name) as keyof Limits);
}

// The limits that postern_limit_rejections_total counts, by the word of its label `limit`. Made from the table of limits. Pure.

/** A limit of the broker that no setting changes. No word is the name of a setting. */
const FIXED_LIMITS = [
  {
    word: 'broker_descriptors',
    counts:
      "Too many sockets waited for the plugin to receive them. Or the plugin had used up its share of the broker's descriptors.",
  },
  {
    word: 'asks',
    counts:
      'A destination that no rule allows was refused without a question: too many questions or callers of the plugin waited, or it asked too often.',
  },
] as const;

type Counted =
  | Extract<(typeof LIMIT_FORMS)[LimitName], { readonly metric: CountedLimit }>['metric']
  | (typeof FIXED_LIMITS)[number];

export type LimitWord = Counted['word'];

/** The words that count only where the sandbox has a control group. */
export type CgroupLimitWord = Extract<Counted, { readonly onlyWithCgroup: true }>['word'];

const counted: readonly Counted[] = [
  ...Object.values(LIMIT_FORMS).flatMap((form) => ('metric' in form ? [form.metric] : [])),
  ...FIXED_LIMITS,
];

export const LIMIT_WORDS: readonly LimitWord[] = counted.map(({ word }) => word);

export const COUNTED_LIMITS: readonly CountedLimit[] = counted;
