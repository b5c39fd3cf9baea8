// Starts a thread of the broker and waits until its code is loaded. Once the broker has taken on other ids, it may not be able to read
// the files. Runs on the main thread; tellLoaded() runs on the new one.
import { once } from 'node:events';
import { parentPort, Worker, type WorkerOptions } from 'node:worker_threads';
import { type Bundle, bundlePath } from '../../shared/own-files.js';
import { threadId } from '../../shared/sys/process-control.js';

export interface Thread {
  readonly worker: Worker;
  /** Its id, gettid(2). */
  readonly tid: number;
}

export async function startThread(
  program: Extract<Bundle, 'stall-watchdog' | 'slow-lane-thread'>,
  options: WorkerOptions,
): Promise<Thread> {
  const worker = new Worker(bundlePath(program), options);
  const [tid] = (await once(worker, 'message')) as [number];
  worker.unref();
  return { worker, tid };
}

/** A thread's first message. */
export function tellLoaded(): void {
  parentPort?.postMessage(threadId());
}
