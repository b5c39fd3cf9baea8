// A line on stderr for each step, with the machine's name and the time since its start.
export interface Progress {
  readonly say: (text: string) => void;
  /** Says it at once, and again every half minute until the work has ended. */
  readonly during: <T>(text: string, work: () => Promise<T>) => Promise<T>;
}

const AGAIN_MS = 30_000;

export function progressOf(name: string): Progress {
  const began = performance.now();
  const say = (text: string): void => {
    const seconds = ((performance.now() - began) / 1_000).toFixed(1);
    process.stderr.write(`${name.padEnd(10)} ${seconds.padStart(6)} s  ${text}\n`);
  };
  const during = async <T>(text: string, work: () => Promise<T>): Promise<T> => {
    say(text);
    const timer = setInterval(() => say(`… ${text}`), AGAIN_MS);
    try {
      return await work();
    } finally {
      clearInterval(timer);
    }
  };
  return { say, during };
}
