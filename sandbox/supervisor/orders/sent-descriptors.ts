// Receives and closes what one broker sends to the supervisor. Runs on the supervisor's main thread, which leaves both to a thread of that broker. What
// the broker has sent when it ends is received by nobody: see close-elsewhere.ts.
// - The threat: a broker that was taken over sends a connection whose last close(2) waits for hours (SO_LINGER), or whose lock it holds.
// - A thread closes such a connection not only by close(2). It also does so when it closes a socket with unread descriptors, and when it
//   receives one without a free number for it.
// - So each broker has its own thread for all three. If that thread waits, no other broker and no plugin does.
// - The thread starts with the first packet. Most brokers send none.
// - Node ends no process whose thread waits in the kernel. So a process with such a thread ends by _exit(2), once all else is done.
import type { Worker } from 'node:worker_threads';
import { endNativeThread, startNativeThread } from '../../../shared/native-thread.js';
import { lookAtMessage } from '../../../shared/sys/message.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { exitAtOnce } from '../../../shared/sys/process-control.js';
import { shutDown } from '../../../shared/sys/socket.js';
import { READABLE, Watch } from '../../../shared/sys/uv-poll.js';
import { closeElsewhere } from './close-elsewhere.js';
import type { ReceivedPacket, SentReport, ThreadOrder } from './connect-thread.js';

const PAUSE_MS = 20;

type SentOrder = ThreadOrder<'receive' | 'close'>;

/** A descriptor that the broker sent. close() has the thread close it. */
export type SentSocket = Pick<OwnedFd, 'number' | 'close'>;

export interface SentPacket extends Omit<ReceivedPacket, 'socket'> {
  /** The receiver of the packet owns it. */
  readonly socket: SentSocket | undefined;
}

/** Those whose thread has an order. */
const busy = new Set<SentDescriptors>();

function leaveThreads(status: number): void {
  const listeners = process.rawListeners('exit');
  for (const listener of listeners.slice(listeners.indexOf(leaveThreads) + 1)) listener.call(process, status);
  exitAtOnce(status);
}

export class SentDescriptors {
  readonly #packets: OwnedFd;
  readonly #take: (packet: SentPacket) => void;
  readonly #watch: Watch;
  /** The thread has the first, if it is busy. It closes numbers: one that it got twice could be another descriptor of this process by then. */
  readonly #orders: SentOrder[] = [];
  #worker: Worker | undefined;
  #ended = false;

  /** @param packets a packet socket whose other end has a name; owned from here on */
  constructor(packets: OwnedFd, take: (packet: SentPacket) => void) {
    this.#packets = packets;
    this.#take = take;
    const { number } = packets;
    this.#watch = new Watch(number, () => {
      const waits = lookAtMessage(number);
      if (waits === 'nothing') return;
      this.#watch.want(0);
      // The end of a broker that has sent nothing needs no thread.
      if (waits !== 'end') this.#add({ kind: 'receive', packets: number });
    });
    this.#watch.want(READABLE);
  }

  /** The broker has ended. */
  end(): void {
    this.#ended = true;
    this.#watch.close();
    // Another process may have the broker's end.
    shutDown(this.#packets.number);
    this.#next();
  }

  #add(order: SentOrder): void {
    this.#orders.push(order);
    this.#next();
  }

  #next(): void {
    // protects: G13 what a broker sent is closed once
    if (busy.has(this)) return;
    const [order] = this.#orders;
    if (order === undefined) {
      if (!this.#ended) return;
      // No thread receives from it any more.
      // protects: G13 what a broker leaves unread is closed by another process => this.#packets.close();
      closeElsewhere(this.#packets);
      if (this.#worker !== undefined) endNativeThread(this.#worker);
      this.#worker = undefined;
      return;
    }
    try {
      this.#worker ??= this.#start();
      this.#worker.postMessage(order);
      this.#setBusy(true);
    } catch {
      // There is no descriptor or no memory for a thread now.
      this.#tryLater();
    }
  }

  #start(): Worker {
    const worker = startNativeThread('connect-thread');
    worker.on('message', (report: SentReport | number) => {
      if (typeof report === 'number') return;
      this.#orders.shift();
      this.#setBusy(false);
      for (const packet of report.received ?? []) this.#takeReceived(packet);
      if (report.received !== undefined && report.isOver !== true && !this.#ended) this.#watch.want(READABLE);
      this.#next();
    });
    worker.on('error', () => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      this.#setBusy(false);
      this.#tryLater();
    });
    // After the listeners, which would keep the process alive.
    worker.unref();
    return worker;
  }

  #setBusy(isBusy: boolean): void {
    if (isBusy) busy.add(this);
    else busy.delete(this);
    process.off('exit', leaveThreads);
    // protects: G13 the end of the supervisor waits for no thread that receives from a broker => void 0;
    if (busy.size > 0) process.on('exit', leaveThreads);
  }

  #tryLater(): void {
    setTimeout(() => this.#next(), PAUSE_MS).unref();
  }

  #takeReceived({ payload, socket, isCut }: ReceivedPacket): void {
    const sent = socket === undefined ? undefined : this.#sentSocket(socket);
    if (this.#ended) sent?.close();
    else this.#take({ payload, socket: sent, isCut });
  }

  #sentSocket(number: number): SentSocket {
    let isOpen = true;
    const close = (): void => {
      if (isOpen) this.#add({ kind: 'close', descriptor: number });
      isOpen = false;
    };
    return { number, close };
  }
}
