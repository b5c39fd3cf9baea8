// Carries a handshake out on a socket that is connected to a proxy. Runs in the broker. No one else holds the socket yet. Of what the proxy
// sends, only the bytes of the handshake are taken: those right behind it are the peer's, and the plugin reads them.
import { peekSome, sendSome } from '../../shared/sys/datagram.js';
import { readOnce } from '../../shared/sys/fcntl.js';
import { errnoName } from '../../shared/sys/libc.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { READABLE, Watch, WRITABLE } from '../../shared/sys/uv-poll.js';
import { EARLY_ERRNO, type RequestLife } from '../limit/request-life.js';
import type { Handshake, ProxyFailure, ProxyTarget } from './handshake.js';
import { HttpConnect } from './http-connect.js';
import { Socks5 } from './socks5.js';
import type { UpstreamProxy } from './upstream.js';

const PEEKED_BYTES = 4096;
/** Lent to one handshake at a time, for one step. */
const peeked = new Uint8Array(PEEKED_BYTES);

const CLOSED: ProxyFailure = { outcome: 'reset', errno: 'ECONNRESET', cause: 'closed the connection' };

/**
 * @param socket owned by the caller, non-blocking
 * @param life ends the handshake early
 * @returns undefined once the tunnel is open; the next byte to read is the peer's then. Never rejects
 */
export function shakeHands(
  socket: OwnedFd,
  handshake: Handshake,
  life: RequestLife,
): Promise<ProxyFailure | undefined> {
  const talk = new Talk(socket.number, handshake);
  return new Promise((resolve) => {
    const finish = (failure: ProxyFailure | undefined): void => {
      life.settle();
      watch.close();
      resolve(failure);
    };
    const step = (): void => {
      const end = talk.advance();
      if (end === 'open') finish(undefined);
      else if (typeof end === 'object') finish(end);
      else watch.want(end === 'send' ? WRITABLE : READABLE);
    };
    const watch = new Watch(socket.number, step);
    life.whenEnded((how) => finish({ outcome: how, errno: EARLY_ERRNO[how], cause: EARLY[how] }));
    if (life.ended === undefined) step();
  });
}

class Talk {
  readonly #fd: number;
  readonly #handshake: Handshake;
  #outbound: Uint8Array;

  constructor(fd: number, handshake: Handshake) {
    this.#fd = fd;
    this.#handshake = handshake;
    this.#outbound = handshake.opening;
  }

  /** Goes on until it must wait, to send or to receive, or until it has ended. */
  advance(): 'send' | 'receive' | 'open' | ProxyFailure {
    for (;;) {
      const next = this.#outbound.length > 0 ? this.#send() : this.#receive();
      if (next !== 'more') return next;
    }
  }

  #send(): 'more' | 'send' | ProxyFailure {
    const sent = sendSome(this.#fd, this.#outbound);
    if (sent < 0) return failureOf(sent) ?? 'send';
    this.#outbound = this.#outbound.subarray(sent);
    return 'more';
  }

  #receive(): 'more' | 'receive' | 'open' | ProxyFailure {
    const length = peekSome(this.#fd, peeked);
    if (length < 0) return failureOf(length) ?? 'receive';
    if (length === 0) return CLOSED;
    const { used, next } = this.#handshake.take(peeked.subarray(0, length));
    // These bytes are there: nobody else reads from this socket.
    readOnce(
      this.#fd,
      /* protects: G6 bytes behind the answer of a proxy stay in the socket => peeked */ peeked.subarray(
        0,
        used,
      ),
    );
    if (!(next instanceof Uint8Array)) return next;
    this.#outbound = next;
    return 'more';
  }
}

const EARLY = { canceled: 'was not waited for', timeout: 'gave no answer in time' } as const;

/** @param result minus errno @returns undefined to wait */
function failureOf(result: number): ProxyFailure | undefined {
  const errno = errnoName(-result);
  if (errno === 'EAGAIN') return undefined;
  return errno === 'ETIMEDOUT' ? { outcome: 'timeout', errno, cause: EARLY.timeout } : CLOSED;
}

// The handshake for a proxy. Pure.

export function beginHandshake({ kind, credentials }: UpstreamProxy, target: ProxyTarget): Handshake {
  return kind === 'http' ? new HttpConnect(target, credentials) : new Socks5(target, credentials);
}
