// A second epoll(7) besides that of libuv, for sockets that are waited for once. uv_poll makes a descriptor non-blocking, and a duplicate of a plugin's
// descriptor shares that flag with the plugin. It also takes longer. Runs in the broker, on the main thread.
import { EPOLL_EVENT as EVENT } from './layout.js';
import { bind, type NativeCall, succeed } from './libc.js';
import { OwnedFd } from './owned-fd.js';
import { READABLE, Watch } from './uv-poll.js';

const MAX_EVENTS = 64;

/** Calls back once for each socket that becomes writable or fails. */
export class WritableOnce {
  readonly #epoll: OwnedFd;
  readonly #watch: Watch;
  readonly #waiting = new Map<number, () => void>();
  readonly #event: DataView = new DataView(new ArrayBuffer(EVENT.size));
  readonly #eventBytes: Uint8Array = new Uint8Array(this.#event.buffer);
  readonly #ready: DataView = new DataView(new ArrayBuffer(EVENT.size * MAX_EVENTS));
  readonly #readyBytes: Uint8Array = new Uint8Array(this.#ready.buffer);

  constructor() {
    this.#epoll = createEpoll();
    this.#watch = new Watch(this.#epoll.number, () => this.#take());
    this.#watch.want(READABLE);
    this.#watch.keepAlive(false);
  }

  /** @param socket must stay open until it is ready or {@link forget} is called */
  add(socket: OwnedFd, onReady: () => void): void {
    const fd = socket.number;
    this.#event.setUint32(0, (EPOLLOUT | EPOLLONESHOT) >>> 0, true);
    this.#event.setInt32(EVENT.data, fd, true);
    succeed(controlEpoll(this.#epoll.number, EPOLL_CTL_ADD, fd, this.#eventBytes), 'epoll_ctl ADD');
    this.#waiting.set(fd, onReady);
  }

  /** Call this before the socket is closed. The plugin still has the file, and with it the entry here would stay. */
  forget(socket: OwnedFd): void {
    if (!socket.open || !this.#waiting.delete(socket.number)) return;
    controlEpoll(this.#epoll.number, EPOLL_CTL_DEL, socket.number, this.#eventBytes);
  }

  #take(): void {
    const count = waitEpoll(this.#epoll.number, this.#readyBytes, MAX_EVENTS, 0);
    for (let at = 0; at < count; at += 1) {
      const fd = this.#ready.getInt32(at * EVENT.size + EVENT.data, true);
      const onReady = this.#waiting.get(fd);
      if (onReady === undefined) continue;
      this.#waiting.delete(fd);
      controlEpoll(this.#epoll.number, EPOLL_CTL_DEL, fd, this.#eventBytes);
      onReady();
    }
  }
}

// The calls of epoll(7) that several files of this folder use, each bound once.

const EPOLL_CLOEXEC = 0o2000000;
export const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
export const EPOLLOUT = 4;
export const EPOLLONESHOT: number = 1 << 30;

const create = bind('int epoll_create1(int flags)');
/** epoll_ctl(2) */
export const controlEpoll: NativeCall = bind('int epoll_ctl(int epoll, int operation, int fd, void *event)');
/** epoll_wait(2) */
export const waitEpoll: NativeCall = bind('int epoll_wait(int epoll, void *events, int most, int timeout)');

/** @throws SystemError */
export function createEpoll(): OwnedFd {
  return new OwnedFd(succeed(create(EPOLL_CLOEXEC), 'epoll_create1'));
}
