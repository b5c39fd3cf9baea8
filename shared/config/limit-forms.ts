// The limits of a plugin, by the names that a file and --limit give them: least, most, what holds where none is given.
import {
  CONCURRENT_REQUESTS,
  LOG_LINES_PER_SECOND,
  PLUGIN_DESCRIPTORS,
  PLUGIN_PROCESSES,
  QUESTIONS_PER_SECOND,
  QUEUED_REQUESTS,
  REQUESTS_PER_SECOND,
  SCRATCH_MIB,
  SHARED_MEMORY_MIB,
} from '../limits.js';

export interface LimitForm {
  readonly least: number;
  readonly most: number;
  /** Absent: no limit. */
  readonly usual?: number;
  readonly what: string;
}

export type LimitName =
  | 'connections'
  | 'concurrent_requests'
  | 'queued_requests'
  | 'requests_per_second'
  | 'questions_per_second'
  | 'log_lines_per_second'
  | 'descriptors'
  | 'processes'
  | 'memory_mib'
  | 'total_memory_mib'
  | 'cpu_seconds'
  | 'cpu_percent'
  | 'file_mib'
  | 'tmp_mib'
  | 'home_mib'
  | 'shm_mib';

const MOST_MIB = 16 * 1024 * 1024;

export const LIMIT_FORMS: Readonly<Record<LimitName, LimitForm>> = {
  connections: { least: 1, most: 65_536, what: 'Connections to the outside that are open at once.' },
  concurrent_requests: {
    least: 1,
    most: 10_000,
    usual: CONCURRENT_REQUESTS,
    what: 'Requests served at once.',
  },
  queued_requests: { least: 0, most: 100_000, usual: QUEUED_REQUESTS, what: 'Requests that wait.' },
  requests_per_second: {
    least: 1,
    most: 1_000_000,
    usual: REQUESTS_PER_SECOND,
    what: 'Requests in a second.',
  },
  questions_per_second: {
    least: 1,
    most: 100_000,
    usual: QUESTIONS_PER_SECOND,
    what: "Questions to the sandbox's DNS in a second; twice as many at once.",
  },
  log_lines_per_second: {
    least: 1,
    most: 1_000_000,
    usual: LOG_LINES_PER_SECOND,
    what: 'Audit events in a second, and as many lines of output under `up`; what is past it is counted, not written.',
  },
  descriptors: {
    least: 16,
    most: PLUGIN_DESCRIPTORS,
    usual: PLUGIN_DESCRIPTORS,
    what: 'Open descriptors of one process (RLIMIT_NOFILE).',
  },
  processes: {
    least: 1,
    most: 1_000_000,
    usual: PLUGIN_PROCESSES,
    what: 'Processes and threads of the sandbox (RLIMIT_NPROC).',
  },
  memory_mib: {
    least: 16,
    most: MOST_MIB,
    what: 'Private writable memory that one process reserves (RLIMIT_DATA).',
  },
  total_memory_mib: {
    least: 16,
    most: MOST_MIB,
    what: 'Memory that all of the sandbox uses, its /tmp, home and /dev/shm included (cgroup v2, memory.max).',
  },
  cpu_seconds: { least: 1, most: 1_000_000_000, what: 'Processor time of one process (RLIMIT_CPU).' },
  cpu_percent: {
    least: 1,
    most: 100_000,
    what: 'Processor time of all of the sandbox, in percent of one processor (cgroup v2, cpu.max).',
  },
  file_mib: { least: 1, most: MOST_MIB, what: 'Size of a file that it writes (RLIMIT_FSIZE).' },
  tmp_mib: { least: 1, most: MOST_MIB, usual: SCRATCH_MIB, what: 'Size of its /tmp.' },
  home_mib: {
    least: 1,
    most: MOST_MIB,
    usual: SCRATCH_MIB,
    what: 'Size of its home directory, where `home` keeps none.',
  },
  shm_mib: { least: 1, most: MOST_MIB, usual: SHARED_MEMORY_MIB, what: 'Size of its /dev/shm.' },
};

export type WrittenLimits = { readonly [name in LimitName]?: number | undefined };

/** Where a limit has no usual value, it is undefined: there is none. */
export interface Limits {
  readonly connections?: number | undefined;
  readonly concurrentRequests: number;
  readonly queuedRequests: number;
  readonly requestsPerSecond: number;
  readonly questionsPerSecond: number;
  readonly logLinesPerSecond: number;
  readonly descriptors: number;
  readonly processes: number;
  readonly memoryMib?: number | undefined;
  readonly totalMemoryMib?: number | undefined;
  readonly cpuSeconds?: number | undefined;
  readonly cpuPercent?: number | undefined;
  readonly fileMib?: number | undefined;
  readonly tmpMib: number;
  readonly homeMib: number;
  readonly shmMib: number;
}

/** What is not written is as usual. */
export function limitsOf(written: WrittenLimits): Limits {
  return {
    connections: written.connections,
    concurrentRequests: written.concurrent_requests ?? CONCURRENT_REQUESTS,
    queuedRequests: written.queued_requests ?? QUEUED_REQUESTS,
    requestsPerSecond: written.requests_per_second ?? REQUESTS_PER_SECOND,
    questionsPerSecond: written.questions_per_second ?? QUESTIONS_PER_SECOND,
    logLinesPerSecond: written.log_lines_per_second ?? LOG_LINES_PER_SECOND,
    descriptors: written.descriptors ?? PLUGIN_DESCRIPTORS,
    processes: written.processes ?? PLUGIN_PROCESSES,
    memoryMib: written.memory_mib,
    totalMemoryMib: written.total_memory_mib,
    cpuSeconds: written.cpu_seconds,
    cpuPercent: written.cpu_percent,
    fileMib: written.file_mib,
    tmpMib: written.tmp_mib ?? SCRATCH_MIB,
    homeMib: written.home_mib ?? SCRATCH_MIB,
    shmMib: written.shm_mib ?? SHARED_MEMORY_MIB,
  };
}
