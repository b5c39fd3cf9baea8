// Limits the lines of output that a plugin may write per second, so that one flood does not hide the other plugins' lines.
import { TokenBucket } from '../../shared/token-bucket.js';

const REPORT_MS = 1000;

/**
 * @param write takes a line within the limit; the promise it returns resolves when there is room for more
 * @param report takes the number of lines dropped within a second
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
