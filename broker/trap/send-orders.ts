// What the broker cannot do itself for a trapped call: connect an AF_UNIX socket where a path leads, change the mode of a folder, write into the
// caller's memory. The supervisor does it, on an order. Runs in the broker.

import { constants } from 'node:os';
import type { CallerAnswerPacket, FolderModePacket, UnixConnectPacket } from '../../shared/protocol/link.js';
import {
  connectInside,
  findInside,
  type UnixPlace,
  type UnixTarget,
} from '../../shared/sys/connect-inside.js';
import type { FolderMode } from '../../shared/sys/set-folder-mode.js';
import { OrderQueue } from '../limit/order-queue.js';
import type { SlowLane } from '../stall/slow-lane.js';
import type { StallBudget } from '../stall/stall-budget.js';

// What the supervisor does for one sandbox: it connects AF_UNIX sockets with the plugin's ids, sets modes of folders, and writes answers into the
// memory of callers.

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
  readonly #trap: number;
  readonly #orders = new OrderQueue<'host'>();
  #next = 1;

  constructor(trap: number) {
    this.#trap = trap;
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
    return { session: this.#trap, id };
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

// Who connects the AF_UNIX sockets of a sandbox. As an ordinary user, broker and plugin have one uid, and the broker does it. As root they
// have different ones, and a socket's file would not let the broker in: a thread of the supervisor does it.

const { EAGAIN } = constants.errno;

/** @param done takes 0, minus errno, or `host` for a socket that was not bound in the sandbox */
export type ConnectUnix = (fd: number, target: UnixTarget, done: (result: number | 'host') => void) => void;

/** On the main thread; for a slow plugin on the slow lane, since it can make the connect wait. */
export function connectsHere(
  place: UnixPlace,
  stall: StallBudget,
  slowLane: Pick<SlowLane, 'connect'>,
): ConnectUnix {
  return (fd, target, done) => {
    if (
      /* protects: G9 a slow plugin's AF_UNIX connects wait on the slow lane => true */ !stall.slow ||
      target.kind === 'listen'
    ) {
      done(connectInside(place, fd, target));
      return;
    }
    const found = findInside(place, target);
    if (typeof found !== 'object') {
      done(found);
      return;
    }
    const { address, file } = found;
    if (file !== undefined) stall.descriptors.hold(file);
    const finish = (result: number): void => {
      file?.close();
      done(result);
    };
    // Without a descriptor for the alarm nothing could end a connect that waits.
    slowLane.connect(stall, fd, address).then(finish, () => finish(-EAGAIN));
  };
}
