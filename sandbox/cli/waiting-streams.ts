// stdout and stderr for a command that keeps plugins running: a terminal or pipe that nobody reads never holds it up. What is not taken
// waits in a bounded queue, and who writes more can wait for room (`drain`).
import { Writable } from 'node:stream';
import { OUTPUT_QUEUE_BYTES } from '../../shared/limits.js';
import { Output, openOwn } from '../supervisor/output/output.js';
import { replaceStream } from './own-streams.js';

let divert = (text: string): string => text;
let diverted: readonly number[] = [];

/** @param take takes words that are for one of the descriptors. @returns what is to be written as before */
export function divertOwnWords(take: (text: string) => string, descriptors: readonly number[]): void {
  divert = take;
  diverted = descriptors;
}

const outputs: { readonly stream: Writable; readonly output: Output }[] = [];

/** Replaces process.stdout and process.stderr. They report a reader that is gone by the event `error`, EPIPE. */
export function useWaitingStreams(): void {
  if (outputs.length > 0) return;
  for (const [name, fd] of [
    ['stdout', 1],
    ['stderr', 2],
  ] as const) {
    const own = openOwnOrNot(fd);
    if (own !== undefined) replaceStream(name, fd, waitingStream(fd, own));
  }
}

/** Resolves when all is written. @param milliseconds after which it resolves all the same: nobody may read it */
export async function writeOut(milliseconds?: number): Promise<void> {
  const written = Promise.all(
    outputs.map(async ({ stream, output }) => {
      // What waits for room is not in the queue yet.
      await new Promise<void>((resolve) => stream.write('', () => resolve()));
      await output.drained();
    }),
  );
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    if (milliseconds !== undefined) timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([written, late]);
  clearTimeout(timer);
}

function waitingStream(fd: number, own: NonNullable<ReturnType<typeof openOwnOrNot>>): Writable {
  let resume: (() => void) | undefined;
  const output = new Output(own, OUTPUT_QUEUE_BYTES, {
    onRoom: () => {
      const go = resume;
      resume = undefined;
      go?.();
    },
    onTrouble: (code, passes) => {
      if (!passes) stream.emit('error', Object.assign(new Error(code), { code }));
    },
  });
  const stream = new Writable({
    highWaterMark: OUTPUT_QUEUE_BYTES,
    write: (whole: Buffer, _encoding, done) => {
      const chunk = diverted.includes(fd) ? Buffer.from(divert(whole.toString())) : whole;
      if (chunk.length === 0) done();
      else if (output.write(chunk) || output.isGone) done();
      else
        resume = () => {
          output.write(chunk);
          done();
        };
    },
  });
  stream.on('error', () => {});
  outputs.push({ stream, output });
  return stream;
}

/** @returns undefined for a stream that postern was started without */
function openOwnOrNot(fd: number): ReturnType<typeof openOwn> | undefined {
  try {
    return openOwn(fd);
  } catch {
    return undefined;
  }
}
