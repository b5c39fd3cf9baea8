// uv_poll_t of Node's libuv: watches any descriptor in the event loop, without a thread. Runs in supervisor, broker and the plugin's client
// library, on the main thread only, since the loops of libuv are not thread-safe.
import koffi from 'koffi';
import { succeed } from './libc.js';

const UV_POLL = 8;
export const READABLE = 1;
export const WRITABLE = 2;

const libuv = koffi.load(null);
const uvDefaultLoop = libuv.func('void *uv_default_loop()');
const uvHandleSize = libuv.func('size_t uv_handle_size(int type)');
const uvPollInit = libuv.func('int uv_poll_init(void *loop, void *handle, int fd)');
const pollCallbackType = koffi.proto('void PosternPollCallback(void *handle, int status, int events)');
const uvPollStart = libuv.func('int uv_poll_start(void *handle, int events, PosternPollCallback *callback)');
const uvPollStop = libuv.func('int uv_poll_stop(void *handle)');
const closeCallbackType = koffi.proto('void PosternCloseCallback(void *handle)');
const uvClose = libuv.func('void uv_close(void *handle, PosternCloseCallback *callback)');
const uvRef = libuv.func('void uv_ref(void *handle)');
const uvUnref = libuv.func('void uv_unref(void *handle)');

const handleSize = Number(uvHandleSize(UV_POLL));
const watches = new Map<bigint, Watch>();
const spare: bigint[] = [];
const SPARE_HANDLES = 64;

/** From Node 26 on, promises that a libuv callback settles wait until Node runs its own code. An immediate makes that happen at once. */
const NEEDS_IMMEDIATE = Number.parseInt(process.versions.node, 10) >= 26;
let immediate = false;
function runSettled(): void {
  if (!NEEDS_IMMEDIATE || immediate) return;
  immediate = true;
  setImmediate(() => {
    immediate = false;
  });
}

// SAFETY: both callbacks live as long as the process. libuv calls them on the main thread, inside the loop.
const onPoll = koffi.register((handle: bigint, status: number, events: number): void => {
  try {
    watches.get(handle)?.onReady(status < 0 ? READABLE | WRITABLE : events);
    runSettled();
  } catch (error) {
    // An exception that leaves this callback would stay pending in the loop of libuv, and no callback would run any more. Node must see it.
    process.nextTick(() => {
      throw error;
    });
  }
}, koffi.pointer(pollCallbackType));
// SAFETY: libuv uses the memory of the handle until here.
const onClosed = koffi.register((handle: bigint): void => {
  if (spare.length < SPARE_HANDLES) spare.push(handle);
  else koffi.free(handle);
}, koffi.pointer(closeCallbackType));

/** Is called with the events that are ready. An error of the descriptor is both READABLE and WRITABLE. */
export type OnReady = (events: number) => void;

/**
 * Watches one descriptor. A descriptor may have one watch at a time. libuv makes the descriptor non-blocking.
 *
 * The watch does not own the descriptor: close the watch first, then the descriptor.
 */
export class Watch {
  readonly onReady: OnReady;
  #handle: bigint;
  #events = 0;

  /** @throws SystemError if the descriptor cannot be watched (a regular file: EPERM) */
  constructor(fd: number, onReady: OnReady) {
    this.onReady = onReady;
    this.#handle = spare.pop() ?? (koffi.alloc('uint8_t', handleSize) as bigint);
    const result = uvPollInit(uvDefaultLoop(), this.#handle, fd);
    if (result < 0) {
      koffi.free(this.#handle);
      this.#handle = 0n;
      succeed(result, 'uv_poll_init');
    }
    watches.set(this.#handle, this);
  }

  /** Waits for these events from now on; 0: for none. Level-triggered. */
  want(events: number): void {
    if (this.#handle === 0n || events === this.#events) return;
    this.#events = events;
    if (events === 0) uvPollStop(this.#handle);
    else succeed(uvPollStart(this.#handle, events, onPoll), 'uv_poll_start');
  }

  /** Sets whether the watch keeps the process alive. At first it does. */
  keepAlive(on: boolean): void {
    if (this.#handle !== 0n) (on ? uvRef : uvUnref)(this.#handle);
  }

  close(): void {
    if (this.#handle === 0n) return;
    const handle = this.#handle;
    this.#handle = 0n;
    watches.delete(handle);
    uvRef(handle);
    uvClose(handle, onClosed);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
