// What the supervisor does for one sandbox: it connects AF_UNIX sockets with the plugin's ids, sets modes of folders, and writes answers into the
// memory of callers. Runs in the broker.
import { constants } from 'node:os';
import type { CallerAnswerPacket, FolderModePacket, UnixConnectPacket } from '../../shared/protocol/link.js';
import type { UnixTarget } from '../../shared/sys/connect-inside.js';
import type { FolderMode } from '../../shared/sys/set-folder-mode.js';
import { OrderQueue } from '../limit/order-queue.js';
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

export class SupervisedOrders {
  readonly #session: number;
  readonly #orders = new OrderQueue<'host'>();
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
    this.#orders.answer(id, result);
  }

  /** The sandbox is gone, and the supervisor may give no more answers. */
  close(): void {
    this.#orders.close(-constants.errno.EAGAIN);
  }

  #name(): { readonly session: number; readonly id: number } {
    const id = this.#next;
    this.#next += 1;
    return { session: this.#session, id };
  }

  #add(packet: Packet, descriptors: readonly number[], done: Done): void {
    const bytes = Buffer.from(JSON.stringify(packet));
    this.#orders.add({ id: packet.id, bytes, descriptors: () => descriptors, done });
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
