// A reporter for node:test that writes a line of JSON for each test that begins and that has ended, and at the end what the file has cost.
import { readFileSync } from 'node:fs';

/** What Node says of a test that `--test-only` leaves out. */
const NOT_ASKED_FOR = "'only' option not set";

/** A line of the report. */
export type Reported =
  | { readonly event: 'start'; readonly test: string }
  | {
      readonly event: 'end';
      readonly test: string;
      readonly outcome: 'passed' | 'failed' | 'skipped';
      readonly ms: number;
      /** Why it failed or was skipped. */
      readonly why?: string;
    }
  /** Processor time of the test's process, and of the children that it waited for. */
  | { readonly event: 'cost'; readonly cpuSeconds: number };

interface ReportedEvent {
  readonly type: string;
  readonly data: {
    readonly name?: string;
    readonly skip?: string | boolean;
    readonly todo?: string | boolean;
    readonly details?: {
      readonly type?: string;
      readonly duration_ms?: number;
      readonly error?: { readonly message?: string; readonly cause?: unknown };
    };
  };
}

export default async function* reporter(source: AsyncIterable<ReportedEvent>): AsyncGenerator<string> {
  for await (const { type, data } of source) {
    if (data.details?.type === 'suite' || data.skip === NOT_ASKED_FOR) continue;
    // Node reports a start in the order of the file, and so only after the tests before it have ended.
    if (type === 'test:dequeue') yield line({ event: 'start', test: data.name ?? '' });
    if (type === 'test:pass' || type === 'test:fail') yield line(endOf(type, data));
  }
  yield line({ event: 'cost', cpuSeconds: cpuSeconds() });
}

const line = (reported: Reported): string => `${JSON.stringify(reported)}\n`;

function endOf(
  type: 'test:pass' | 'test:fail',
  { name, skip, todo, details }: ReportedEvent['data'],
): Reported {
  const reason = skip ?? todo;
  const skipped = reason !== undefined && reason !== false;
  const why = skipped
    ? reason === true
      ? 'no reason given'
      : reason
    : details?.error && failure(details.error);
  return {
    event: 'end',
    test: name ?? '',
    outcome: skipped ? 'skipped' : type === 'test:pass' ? 'passed' : 'failed',
    ms: Math.round(details?.duration_ms ?? 0),
    ...(why === undefined ? {} : { why }),
  };
}

const MAX_CHARACTERS = 4_000;

function failure({ message, cause }: { readonly message?: string; readonly cause?: unknown }): string {
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : `${message} ${cause ?? ''}`;
  return text.slice(0, MAX_CHARACTERS);
}

/** proc_pid_stat(5): fields 14 to 17, in ticks of 10 ms. */
function cpuSeconds(): number {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const ticks = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 15);
  return ticks.reduce((sum, value) => sum + Number(value), 0) / 100;
}
