// Starts threads that make system calls, and ends them. A thread loads its native part first. If Node ends it meanwhile, or the whole
// process, that part cannot tell its failure and aborts the process: the exit status would be lost. So both wait until the thread has loaded.
// Runs on the main thread; tellLoaded() and threadData() run on the new one.
import { parentPort, Worker, type WorkerOptions, workerData } from 'node:worker_threads';
import { type Bundle, bundlePath } from './bundles.js';

import { threadId } from './sys/process-control.js';

/** How long the end of a process waits for threads that load. */
const THREAD_LOAD_MS = 5_000;

type ThreadProgram = Extract<Bundle, 'stall-watchdog' | 'slow-lane-thread' | 'connect-thread'>;

interface ThreadStart {
  /** 1 once the thread has loaded. */
  readonly loaded: Int32Array;
  readonly data: unknown;
}

/** Those that load. */
const loading = new Map<Worker, Int32Array>();

/**
 * Starts a thread. It keeps the process alive until the caller calls `unref()`, which must follow the last listener.
 *
 * @param options `workerData` arrives as {@link threadData}
 * @returns its first message is its id, gettid(2): see {@link tellLoaded}
 * @throws {Error} where no memory or no descriptor is left
 */
export function startNativeThread(program: ThreadProgram, options: WorkerOptions = {}): Worker {
  const loaded = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const start: ThreadStart = { loaded, data: options.workerData };
  const worker = new Worker(bundlePath(program), { ...options, workerData: start });
  if (loading.size === 0)
    // protects: G11 a process that ends waits for its threads that load => void 0;
    process.once('exit', awaitAll);
  loading.set(worker, loaded);
  const forget = (): void => {
    loading.delete(worker);
    if (loading.size === 0) process.off('exit', awaitAll);
  };
  worker.once('message', forget);
  worker.once('exit', forget);
  return worker;
}

/** Ends a thread of {@link startNativeThread}, once it has loaded. */
export function endNativeThread(worker: Worker): void {
  // protects: G11 a thread that loads is not ended before it has loaded
  if (loading.has(worker)) worker.once('message', () => void worker.terminate());
  else void worker.terminate();
}

/** What `workerData` was. */
export function threadData(): unknown {
  return (workerData as ThreadStart).data;
}

/** The thread has loaded. Its first message is its id. */
export function tellLoaded(): void {
  const { loaded } = workerData as ThreadStart;
  Atomics.store(loaded, 0, 1);
  Atomics.notify(loaded, 0);
  parentPort?.postMessage(threadId());
}

/** Blocks. A thread that cannot start says nothing: so the wait has an end. */
function awaitAll(): void {
  const end = performance.now() + THREAD_LOAD_MS;
  for (const loaded of loading.values()) Atomics.wait(loaded, 0, 0, Math.max(0, end - performance.now()));
}
