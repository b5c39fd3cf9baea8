// Recognises the errors of a host that has no descriptor, process or memory left. They say nothing about the plugin that was to start, so it
// is tried again.
import { PosternError } from '../../shared/errors.js';
import { getLimit, RLIMIT } from '../../shared/sys/rlimit.js';

interface Shortage {
  readonly what: () => string;
  readonly fix: string;
}

const MORE_DESCRIPTORS = 'raise the limit: "ulimit -n", or LimitNOFILE= of a systemd unit';

const SHORTAGES: Readonly<Record<string, Shortage>> = {
  EMFILE: {
    what: () => `postern may open no more than ${limit(RLIMIT.NOFILE)} descriptors`,
    fix: MORE_DESCRIPTORS,
  },
  ETOOMANYREFS: {
    what: () => `too many descriptors are on their way, and a process may open ${limit(RLIMIT.NOFILE)}`,
    fix: MORE_DESCRIPTORS,
  },
  ENFILE: {
    what: () => 'the host has no descriptor left',
    fix: 'raise the setting fs.file-max, as root with sysctl',
  },
  EAGAIN: {
    what: () => `no further process or thread can start, and this user may have ${limit(RLIMIT.NPROC)}`,
    fix: 'raise the limit: "ulimit -u", or LimitNPROC= and TasksMax= of a systemd unit, or the pids limit of a container',
  },
  ENOMEM: { what: () => 'the host has no memory left', fix: 'free memory, or run fewer programs' },
};

/** What the C library, unshare(1) and shells say. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/\bEMFILE\b|Too many open files(?! in system)/, 'EMFILE'],
  [/\bENFILE\b|Too many open files in system/, 'ENFILE'],
  [/\bEAGAIN\b|Resource temporarily unavailable|[Cc]annot fork|[Cc]an't fork/, 'EAGAIN'],
  [/\bENOMEM\b|Cannot allocate memory/, 'ENOMEM'],
];

/** @returns the errno of a shortage in the words of another program, if there is one */
export function shortageIn(words: string): string | undefined {
  return WORDS.find(([pattern]) => pattern.test(words))?.[1];
}

/**
 * @param whom what was to start
 * @returns the error that tells of the shortage; undefined if the error has another cause
 */
export function shortageOf(error: unknown, whom: string): PosternError | undefined {
  const errno = errnoOf(error);
  const shortage = errno === undefined ? undefined : SHORTAGES[errno];
  if (shortage === undefined || !(error instanceof Error)) return undefined;
  const said = error.message.replace(/^Cannot start the sandbox, /, '');
  return new PosternError('shortage', `Cannot start ${whom}: ${shortage.what()} (${said})`, {
    cause: error,
    fix: shortage.fix,
    fields: { errno },
  });
}

export function isShortage(error: unknown): boolean {
  return error instanceof PosternError && error.code === 'shortage';
}

function errnoOf(error: unknown): string | undefined {
  if (error instanceof PosternError && (error.code === 'launch_failed' || error.code === 'broker_failed')) {
    const { errno } = error.fields;
    return typeof errno === 'string' ? errno : undefined;
  }
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

function limit(resource: number): string {
  const { soft } = getLimit(resource);
  return soft > 1n << 62n ? 'any number' : String(soft);
}
