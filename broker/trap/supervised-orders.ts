// What the supervisor does for one sandbox: it connects AF_UNIX sockets with the plugin's ids, sets modes of folders, and writes answers into the
// memory of callers. It works on a bounded number of orders at a time, and the others wait here. Runs in the broker.
import { constants } from 'node:os';
import { ORDER_BYTES_SENT, UNIX_ORDERS_SENT } from '../../shared/limits.js';
import {
  BROKER_DESCRIPTOR_FD,
  type CallerAnswerPacket,
  type FolderModePacket,
  type UnixConnectPacket,
} from '../../shared/protocol/link.js';
import type { UnixTarget } from '../../shared/sys/connect-inside.js';
import { sendMessage } from '../../shared/sys/message.js';
import type { FolderMode } from '../../shared/sys/set-folder-mode.js';
import type { ConnectUnix } from './unix-connects.js';

type Done = (result: number | 'host') => void;
/** @param done takes 0 or minus errno */
export type SetFolderMode = (change: FolderMode, done: (result: number) => void) => void;

/**
 * @param tid of a caller whose ioctl(2) or socketpair(2) waits for an answer
 * @param done takes 0, or minus errno: EPERM if the supervisor does not write it
 */
export type AnswerCaller = (tid: number, answer: Uint8Array, done: (result: number) => void) => void;

type Packet = UnixConnectPacket | FolderModePacket | CallerAnswerPacket;

interface Queued {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly descriptors: readonly number[];
  readonly done: Done;
}

export class SupervisedOrders {
  readonly #session: number;
  readonly #queue: Queued[] = [];
  readonly #waiting = new Map<number, Queued>();
  #bytesSent = 0;
  #next = 1;

  constructor(session: number) {
    this.#session = session;
  }

  /** @param fd stays open until `done` */
  readonly connect: ConnectUnix = (fd, target, done) => {
    this.#add({ type: 'unix_connect', ...this.#name(), target: encode(target) }, [fd], done);
  };

  readonly setFolderMode: SetFolderMode = ({ path, self, keepsLink, inode, mode }, done) => {
    const numbers = inode && { dev: String(inode.dev), ino: String(inode.ino), length: inode.length };
    const change = { path: base64(path), self, keepsLink, inode: numbers, mode };
    this.#add({ type: 'folder_mode', ...this.#name(), ...change }, [], (result) =>
      done(result === 'host' ? -constants.errno.EPERM : result),
    );
  };

  readonly answerCaller: AnswerCaller = (tid, answer, done) => {
    this.#add({ type: 'caller_answer', ...this.#name(), tid, answer: base64(answer) }, [], (result) =>
      done(result === 'host' ? -constants.errno.EPERM : result),
    );
  };

  answer(id: number, result: number | 'host'): void {
    const sent = this.#waiting.get(id);
    if (sent !== undefined) this.#end(sent, result);
    this.#send();
  }

  /** The sandbox is gone, and the supervisor may give no more answers. */
  close(): void {
    const left = [...this.#waiting.values(), ...this.#queue.splice(0)];
    this.#waiting.clear();
    for (const { done } of left) done(-constants.errno.EAGAIN);
  }

  #name(): { readonly session: number; readonly id: number } {
    const id = this.#next;
    this.#next += 1;
    return { session: this.#session, id };
  }

  #add(packet: Packet, descriptors: readonly number[], done: Done): void {
    this.#queue.push({ id: packet.id, bytes: Buffer.from(JSON.stringify(packet)), descriptors, done });
    this.#send();
  }

  #send(): void {
    for (;;) {
      const [next] = this.#queue;
      if (next === undefined || this.#waiting.size === UNIX_ORDERS_SENT) return;
      // One that is longer than the bound goes alone.
      if (this.#waiting.size > 0 && this.#bytesSent + next.bytes.length > ORDER_BYTES_SENT) return;
      this.#queue.shift();
      this.#waiting.set(next.id, next);
      this.#bytesSent += next.bytes.length;
      const sent = sendMessage(BROKER_DESCRIPTOR_FD, next.bytes, next.descriptors);
      if (sent < 0) this.#end(next, sent);
    }
  }

  #end(order: Queued, result: number | 'host'): void {
    this.#waiting.delete(order.id);
    this.#bytesSent -= order.bytes.length;
    order.done(result);
  }
}

function encode(target: UnixTarget): UnixConnectPacket['target'] {
  if (target.kind === 'listen') return target;
  if (target.kind === 'abstract') return { kind: 'abstract', address: base64(target.address) };
  return { kind: 'path', path: base64(target.path), self: target.self };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
