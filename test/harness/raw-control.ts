// A client of the control socket that sends any bytes, and gathers the lines that come back.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { until } from './until.js';

export interface RawControl {
  readonly socket: Socket;
  readonly send: (text: string) => void;
  /** What has come so far after the greeting, each line parsed. */
  readonly lines: () => readonly Answer[];
  /** Resolves when so many lines have come. */
  readonly answers: (count: number) => Promise<readonly Answer[]>;
  readonly closed: Promise<void>;
}

export interface Answer {
  readonly id?: unknown;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
  readonly method?: string;
  readonly params?: Record<string, unknown>;
}

export async function rawControl(path: string, allowHalfOpen = true): Promise<RawControl> {
  const socket = connect({ path, allowHalfOpen });
  let text = '';
  socket.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  socket.on('error', () => {});
  socket.on('end', () => socket.destroySoon());
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await once(socket, 'connect');
  const lines = (): readonly Answer[] =>
    text
      .split('\n')
      .slice(1, -1)
      .map((line) => JSON.parse(line) as Answer);
  return {
    socket,
    send: (words) => void socket.write(words),
    lines,
    answers: (count) => until(() => (lines().length >= count ? lines() : undefined)),
    closed,
  };
}

export const request = (id: unknown, method: string, params: unknown = {}): string =>
  `${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`;
