// Who connects the AF_UNIX sockets of a sandbox. As an ordinary user, broker and plugin have one uid, and the broker does it. As root they
// have different ones, and a socket's file would not let the broker in: a thread of the supervisor does it with the plugin's ids.
import { constants } from 'node:os';
import { UNIX_ORDERS_SENT } from '../../shared/limits.js';
import { BROKER_DESCRIPTOR_FD, type UnixConnectPacket } from '../../shared/protocol/link.js';
import { connectInside, type UnixPlace, type UnixTarget } from '../../shared/sys/connect-inside.js';
import { sendMessage } from '../../shared/sys/message.js';

/** @param done takes 0, minus errno, or `host` for a socket that was not bound in the sandbox */
export type ConnectUnix = (fd: number, target: UnixTarget, done: (result: number | 'host') => void) => void;

export function connectsHere(place: UnixPlace): ConnectUnix {
  return (fd, target, done) => done(connectInside(place, fd, target));
}

interface Queued {
  readonly fd: number;
  readonly target: UnixTarget;
  readonly done: (result: number | 'host') => void;
}

/** The connects of one sandbox that the supervisor makes. It works on a bounded number at a time; the others wait here. */
export class SupervisedConnects {
  readonly #session: number;
  readonly #queue: Queued[] = [];
  readonly #waiting = new Map<number, Queued['done']>();
  #next = 1;

  constructor(session: number) {
    this.#session = session;
  }

  /** @param fd stays open until `done` */
  readonly connect: ConnectUnix = (fd, target, done) => {
    this.#queue.push({ fd, target, done });
    this.#send();
  };

  answer(id: number, result: number | 'host'): void {
    const done = this.#waiting.get(id);
    this.#waiting.delete(id);
    done?.(result);
    this.#send();
  }

  /** The sandbox is gone, and the supervisor may give no more answers. */
  close(): void {
    const left = [...this.#waiting.values(), ...this.#queue.splice(0).map(({ done }) => done)];
    this.#waiting.clear();
    for (const done of left) done(-constants.errno.EAGAIN);
  }

  #send(): void {
    while (this.#waiting.size < UNIX_ORDERS_SENT) {
      const queued = this.#queue.shift();
      if (queued === undefined) return;
      this.#order(queued);
    }
  }

  #order({ fd, target, done }: Queued): void {
    const id = this.#next;
    this.#next += 1;
    this.#waiting.set(id, done);
    const packet: UnixConnectPacket = {
      type: 'unix_connect',
      session: this.#session,
      id,
      target: encode(target),
    };
    const sent = sendMessage(BROKER_DESCRIPTOR_FD, Buffer.from(JSON.stringify(packet)), [fd]);
    if (sent >= 0) return;
    this.#waiting.delete(id);
    done(sent);
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
