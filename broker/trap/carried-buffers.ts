// The sizes of a socket's buffers, which are carried to the socket that takes its place. One call reads both: SO_MEMINFO, sock_diag(7). Runs in
// the broker.
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { SOL_SOCKET } from '../../shared/sys/socket-constants.js';
import { readOption, setOption } from '../../shared/sys/socket-option.js';

const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_MEMINFO = 55;
/** SK_MEMINFO_VARS of the kernel's sock_diag.h. */
const MEMINFO_WORDS = 9;
const SK_MEMINFO_RCVBUF = 1;
const SK_MEMINFO_SNDBUF = 3;

export class CarriedBuffers {
  readonly #words: Uint32Array = new Uint32Array(MEMINFO_WORDS);
  readonly #bytes: Uint8Array = new Uint8Array(this.#words.buffer);
  readonly #usual: { readonly receive: number; readonly send: number };

  /** @param fresh a TCP socket with the usual sizes */
  constructor(fresh: OwnedFd) {
    this.#usual = this.#read(fresh.number);
  }

  carry(from: number, to: number): void {
    const { receive, send } = this.#read(from);
    // The kernel doubles what is set, socket(7).
    if (send !== this.#usual.send) setOption(to, SOL_SOCKET, SO_SNDBUF, Math.floor(send / 2));
    if (receive !== this.#usual.receive) setOption(to, SOL_SOCKET, SO_RCVBUF, Math.floor(receive / 2));
  }

  #read(fd: number): { readonly receive: number; readonly send: number } {
    this.#words.fill(0);
    readOption(fd, SOL_SOCKET, SO_MEMINFO, this.#bytes);
    return { receive: this.#words[SK_MEMINFO_RCVBUF] ?? 0, send: this.#words[SK_MEMINFO_SNDBUF] ?? 0 };
  }
}
