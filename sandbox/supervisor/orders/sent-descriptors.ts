// Receives what one broker sends to the supervisor, and closes it, on a thread of that broker's own. The broker may have been taken over. It can send a
// connection whose last close waits for hours (SO_LINGER), or whose lock it holds. What is unread in a socket, and what finds no free descriptor, is
// closed by whoever closes that socket or reads. So neither the main thread nor a thread that other brokers need does any of that. The thread starts
// with the first packet: most brokers send none.
import type { Worker } from 'node:worker_threads';
import { endNativeThread, startNativeThread } from '../../../shared/native-thread.js';
import { lookAtMessage } from '../../../shared/sys/message.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { shutDown } from '../../../shared/sys/socket.js';
import { READABLE, Watch } from '../../../shared/sys/uv-poll.js';

const PAUSE_MS = 20;

/** What the thread does. */
export interface SentOrder {
  /** A packet socket: takes what waits there, some packets at most. */
  readonly receive?: number;
  /** A descriptor that came. */
  readonly closeSent?: number;
  /** A packet socket of a broker that has ended, which is closed with what waits there. */
  readonly endPackets?: number;
}

/** A packet as the thread received it, with one descriptor at most. */
interface ReceivedPacket {
  readonly payload: Uint8Array;
  readonly socket: number | undefined;
  /** This process had no descriptor left for what came with it. */
  readonly isCut: boolean;
}

export interface SentReport {
  readonly received?: readonly ReceivedPacket[];
  /** Nothing more comes. */
  readonly isOver?: boolean;
}

/** A descriptor that came. close() leaves that to the thread. */
export type SentSocket = Pick<OwnedFd, 'number' | 'close'>;

export interface SentPacket extends Omit<ReceivedPacket, 'socket'> {
  /** Owned by whoever takes the packet. */
  readonly socket: SentSocket | undefined;
}

export class SentDescriptors {
  readonly #packets: OwnedFd;
  readonly #take: (packet: SentPacket) => void;
  readonly #watch: Watch;
  /** The first is under way. */
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
      if (waits !== 'end') this.#add({ receive: number });
    });
    this.#watch.want(READABLE);
  }

  /** The broker has ended. */
  end(): void {
    this.#ended = true;
    this.#watch.close();
    // Another process may have the broker's end.
    shutDown(this.#packets.number);
    const isUsed = this.#worker !== undefined || this.#orders.length > 0;
    const waits = lookAtMessage(this.#packets.number);
    if (
      !isUsed &&
      /* protects: G13 what a broker leaves unread is closed on a thread of its own => true */ waits !==
        'message' &&
      waits !== 'descriptors'
    )
      this.#packets.close();
    else this.#add({ endPackets: this.#packets.release() });
  }

  #add(order: SentOrder): void {
    this.#orders.push(order);
    if (this.#orders.length === 1) this.#next();
  }

  #next(): void {
    const [order] = this.#orders;
    if (order === undefined) {
      if (this.#ended && this.#worker !== undefined) {
        endNativeThread(this.#worker);
        this.#worker = undefined;
      }
      return;
    }
    try {
      this.#worker ??= this.#start();
      this.#worker.postMessage(order);
    } catch {
      // No descriptor or no memory is left for a thread.
      this.#tryLater();
    }
  }

  #start(): Worker {
    const worker = startNativeThread('connect-thread');
    worker.on('message', (report: SentReport | number) => {
      if (typeof report === 'number') return;
      this.#orders.shift();
      for (const packet of report.received ?? []) this.#takeReceived(packet);
      if (report.received !== undefined && report.isOver !== true && !this.#ended) this.#watch.want(READABLE);
      this.#next();
    });
    worker.on('error', () => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      this.#tryLater();
    });
    // After the listeners, which would keep the process alive.
    worker.unref();
    return worker;
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
    return { number, close: () => this.#add({ closeSent: number }) };
  }
}
