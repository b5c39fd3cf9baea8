// Orders to the supervisor, in packets. It works on a bounded number of them at a time, and the others wait here. Runs in the broker.
import { constants } from 'node:os';

import { BROKER_DESCRIPTOR_FD } from '../../shared/protocol/link.js';
import { sendMessage } from '../../shared/sys/message.js';

/** Orders of one sandbox or plugin that one broker sends before it has their answers. */
const ORDERS_SENT = 32;
/** Of all orders: their paths can be long. The socket has room for the orders of many sandboxes. */
const ORDER_BYTES_SENT = 16 * 1024;

/** An order, and what takes its result. */
export interface Order<R> {
  /** No other order of the queue has it. */
  readonly id: number;
  readonly bytes: Uint8Array;
  /** The descriptors that go along, looked up when the order is sent. undefined: they are closed by now. Then it is not sent (ECANCELED). */
  readonly descriptors: () => readonly number[] | undefined;
  readonly done: (result: R | number) => void;
}

/** @typeParam R a result besides 0 or more, and minus errno */
export class OrderQueue<R = never> {
  readonly #queue: Order<R>[] = [];
  readonly #sent = new Map<number, Order<R>>();
  #bytesSent = 0;

  add(order: Order<R>): void {
    this.#queue.push(order);
    this.#send();
  }

  /** The supervisor has carried out an order. @returns whether something took the result */
  answer(id: number, result: R | number): boolean {
    const sent = this.#sent.get(id);
    if (sent !== undefined) this.#end(sent, result);
    this.#send();
    return sent !== undefined;
  }

  /** The supervisor may give no more answers. @param result of what is left */
  close(result: number): void {
    const left = [...this.#sent.values(), ...this.#queue.splice(0)];
    this.#sent.clear();
    this.#bytesSent = 0;
    for (const { done } of left) done(result);
  }

  #send(): void {
    for (;;) {
      const [next] = this.#queue;
      if (next === undefined || this.#sent.size === ORDERS_SENT) return;
      // One that is longer than the bound goes alone.
      if (this.#sent.size > 0 && this.#bytesSent + next.bytes.length > ORDER_BYTES_SENT) return;
      this.#queue.shift();
      const descriptors = next.descriptors();
      if (descriptors === undefined) {
        next.done(-constants.errno.ECANCELED);
        continue;
      }
      this.#sent.set(next.id, next);
      this.#bytesSent += next.bytes.length;
      const sent = sendMessage(BROKER_DESCRIPTOR_FD, next.bytes, descriptors);
      if (sent < 0) this.#end(next, sent);
    }
  }

  #end(order: Order<R>, result: R | number): void {
    this.#sent.delete(order.id);
    this.#bytesSent -= order.bytes.length;
    order.done(result);
  }
}
