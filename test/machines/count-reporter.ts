// A reporter for node:test that writes one line of JSON for each test that has ended.
import type { TestEnd } from './step.js';

interface ReportedEvent {
  readonly type: string;
  readonly data: {
    readonly name?: string;
    readonly file?: string;
    readonly skip?: string | boolean;
    readonly details?: {
      readonly type?: string;
      readonly duration_ms?: number;
      readonly error?: { readonly message?: string; readonly cause?: unknown };
    };
  };
}

export default async function* countReporter(source: AsyncIterable<ReportedEvent>): AsyncGenerator<string> {
  for await (const { type, data } of source) {
    if ((type !== 'test:pass' && type !== 'test:fail') || data.details?.type === 'suite') continue;
    const skipped = data.skip !== undefined && data.skip !== false;
    const why = skipped ? String(data.skip) : data.details?.error && failure(data.details.error);
    const end: TestEnd = {
      test: data.name ?? '',
      file: data.file?.replace(/^.*\/test\//, '') ?? '',
      outcome: skipped ? 'skipped' : type === 'test:pass' ? 'passed' : 'failed',
      ms: Math.round(data.details?.duration_ms ?? 0),
      ...(why === undefined ? {} : { why }),
    };
    yield `${JSON.stringify(end)}\n`;
  }
}

const MAX_CHARACTERS = 2_000;

function failure({ message, cause }: { readonly message?: string; readonly cause?: unknown }): string {
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : `${message} ${cause ?? ''}`;
  return text.slice(0, MAX_CHARACTERS);
}
