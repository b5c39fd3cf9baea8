// Tells whether anybody else holds an open file. An epoll(7) keeps an entry for a file until the last descriptor of it is closed, whichever process
// has it. So if the entry outlives the broker's own descriptor, somebody else has another. Runs in the broker, on the main thread.
import koffi from 'koffi';
import { controlEpoll, createEpoll, EPOLL_CTL_ADD, EPOLLONESHOT, EPOLLOUT, waitEpoll } from './epoll.js';
import { EPOLL_EVENT as EVENT } from './layout.js';
import { SystemError } from './libc.js';
import type { OwnedFd } from './owned-fd.js';
import { KCMP_EPOLL_TFD, SYS, syscallLongs } from './syscall.js';

/** struct kcmp_epoll_slot, kcmp(2): the epoll, the number that its entry was made with, and which of the entries with this number. */
const slot = new Uint32Array(3);
// SAFETY: the memory of this array does not move, and the module keeps it alive.
const slotAddress = koffi.address(slot);

/** kcmp(2) of a thread's descriptor and the open file of a closed one. @returns 0 for one file, 1 or more for two, or minus errno */
function compare(tid: number, descriptor: number, epoll: OwnedFd, closed: number): number {
  slot[0] = epoll.number;
  slot[1] = closed;
  return syscallLongs(SYS.kcmp, tid, process.pid, KCMP_EPOLL_TFD, descriptor, slotAddress);
}

export class LastHolder {
  readonly #event: DataView = new DataView(new ArrayBuffer(EVENT.size));
  readonly #eventBytes: Uint8Array = new Uint8Array(this.#event.buffer);
  readonly #ready: Uint8Array = new Uint8Array(EVENT.size);
  #epoll: OwnedFd = createEpoll();

  private constructor() {
    this.#event.setUint32(0, (EPOLLOUT | EPOLLONESHOT) >>> 0, true);
  }

  /** @returns undefined on a kernel whose kcmp(2) cannot compare so, or where a filter refuses it */
  static make(): LastHolder | undefined {
    const holder = new LastHolder();
    using other = createEpoll();
    const added = controlEpoll(holder.#epoll.number, EPOLL_CTL_ADD, other.number, holder.#eventBytes);
    const works = added === 0 && compare(process.pid, other.number, holder.#epoll, other.number) === 0;
    if (works) return holder;
    holder.#epoll.close();
    return undefined;
  }

  /**
   * Closes a socket that has no connection, and does not listen: poll(2) calls it writable.
   *
   * @param ifHeld called if another descriptor holds the socket. Gets a function that compares a descriptor of a thread with it: 0 for the same
   *   open file, 1 or more for another, or minus errno, kcmp(2)
   */
  close(socket: OwnedFd, ifHeld: (isSame: (tid: number, descriptor: number) => number) => void): void {
    const fd = socket.number;
    const epoll = this.#epoll;
    const added = controlEpoll(epoll.number, EPOLL_CTL_ADD, fd, this.#eventBytes) === 0;
    socket.close();
    if (added && waitEpoll(epoll.number, this.#ready, 1, 0) === 0) return;
    ifHeld((tid, descriptor) => compare(tid, descriptor, epoll, fd));
    this.#renew();
  }

  /** No call takes an entry away whose number is closed. */
  #renew(): void {
    try {
      const fresh = createEpoll();
      this.#epoll.close();
      this.#epoll = fresh;
    } catch (error) {
      // Without a descriptor the old one stays. Its entry has been reported once, and is not again.
      if (!(error instanceof SystemError)) throw error;
    }
  }
}
