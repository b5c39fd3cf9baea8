// Who connects the AF_UNIX sockets of a sandbox. As an ordinary user, broker and plugin have one uid, and the broker does it. As root they
// have different ones, and a socket's file would not let the broker in: a thread of the supervisor does it with the plugin's ids.
import { BROKER_DESCRIPTOR_FD, type UnixConnectPacket } from '../../shared/protocol/link.js';
import { connectInside, type UnixPlace, type UnixTarget } from '../../shared/sys/connect-inside.js';
import { sendMessage } from '../../shared/sys/message.js';

/** @param done takes 0, minus errno, or `host` for a socket that was not bound in the sandbox */
export type ConnectUnix = (fd: number, target: UnixTarget, done: (result: number | 'host') => void) => void;

export function connectsHere(place: UnixPlace): ConnectUnix {
  return (fd, target, done) => done(connectInside(place, fd, target));
}

/** The connects of one sandbox that the supervisor makes. */
export class SupervisedConnects {
  readonly #session: number;
  readonly #waiting = new Map<number, (result: number | 'host') => void>();
  #next = 1;

  constructor(session: number) {
    this.#session = session;
  }

  readonly connect: ConnectUnix = (fd, target, done) => {
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
    if (sent < 0) this.answer(id, sent);
  };

  answer(id: number, result: number | 'host'): void {
    const done = this.#waiting.get(id);
    this.#waiting.delete(id);
    done?.(result);
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
