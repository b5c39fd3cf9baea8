// How long a program may let its gateway wait: for a request to begin, for its head, and for its body. What it waits for itself does not count. Runs in the
// gateway. Node's own limits need a server that listens, which the gateway's do not: it gets its connections one by one.
import type { ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';

export interface TimeLimits {
  /** Without a request that has begun. */
  readonly idleMs: number;
  /** From the first byte of a head to its last one. */
  readonly headMs: number;
  /** Without a byte of a body. A program may keep one open for long, and send when the upstream has said something. */
  readonly bodyMs: number;
}

export const TIME_LIMITS: TimeLimits = { idleMs: 75_000, headMs: 10_000, bodyMs: 300_000 };

/**
 * Of a connection by HTTP/1.1. The parser takes the bytes from the kernel by itself, and says nothing of a head before it is whole. So the number of bytes is
 * looked at twice in the time.
 *
 * @param isServing whether what comes belongs to a request that is whole, or to its body
 * @param onLate called when a head is late, and when the gateway has ended a connection and the program has not
 * @returns to be called when a request ends: no head has begun
 */
export function limitHeads(
  socket: Socket,
  { headMs }: TimeLimits,
  isServing: () => boolean,
  onLate: () => void,
): () => void {
  let before = 0;
  let hasBegun = false;
  const settle = (): void => {
    before = socket.bytesRead;
    hasBegun = false;
  };
  const look = (): void => {
    if (isServing()) settle();
    else if (hasBegun) onLate();
    else hasBegun = socket.bytesRead > before || !socket.writable;
  };
  const timer = setInterval(look, headMs / 2);
  socket.once('close', () => clearInterval(timer));
  return settle;
}

/**
 * Of a session of HTTP/2. Its frames tell nobody outside the parser whether a head has begun. Its end waits for what is written, which the program may never
 * read: then its connection ends as long after.
 */
export function limitIdle(session: ServerHttp2Session, connection: Socket, { idleMs }: TimeLimits): void {
  let streams = 0;
  const timer = setTimeout(() => {
    // protects: G8 gateway: a connection by HTTP/2 that its program does not read ends => session.destroy();
    if (session.destroyed) connection.destroy();
    else if (streams === 0) {
      session.destroy();
      timer.refresh();
    }
  }, idleMs);
  session.on('stream', (stream) => {
    streams += 1;
    stream.once('close', () => {
      streams -= 1;
      timer.refresh();
    });
  });
  session.once('close', () => clearTimeout(timer));
}

/**
 * Waits for what needs a body. A time in which the gateway does not read it does not count.
 *
 * @param isSent whether the program sends already
 * @throws what `late` makes when nothing came for so long, or what the work throws
 */
export async function whileSent<T>(
  body: Readable,
  { bodyMs }: TimeLimits,
  isSent: () => boolean,
  late: () => Error,
  work: Promise<T>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      // An iterator listens for `readable`, and pauses the stream.
      const isRead = !body.isPaused() || body.listenerCount('readable') > 0;
      if (isSent() && isRead && !body.readableEnded) reject(late());
      else timer?.refresh();
    }, bodyMs);
  });
  const goOn = (): void => void timer?.refresh();
  body.on('data', goOn);
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    clearTimeout(timer);
    body.removeListener('data', goOn);
  }
}
