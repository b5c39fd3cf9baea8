// So many lines of a plugin's output in a second: one that floods its log leaves the others' readable.
import { TokenBucket } from '../../shared/token-bucket.js';

const REPORT_MS = 1000;

/**
 * @param write takes a line that is within the limit, and tells when there is room for more
 * @param report takes how many were left out within a second
 */
export function limitOutput<Stream>(
  linesPerSecond: number,
  write: (stream: Stream, line: string) => Promise<void> | undefined,
  report: (lines: number) => void,
): {
  readonly line: (stream: Stream, line: string) => Promise<void> | undefined;
  readonly flush: () => void;
} {
  const bucket = new TokenBucket(linesPerSecond);
  let dropped = 0;
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (dropped > 0) report(dropped);
    dropped = 0;
  };
  return {
    line: (stream, line) => {
      if (bucket.take()) return write(stream, line);
      dropped += 1;
      timer ??= setTimeout(flush, REPORT_MS).unref();
      return undefined;
    },
    flush,
  };
}
