// Starts a thread of the broker's and waits for its code to be loaded: afterwards the files may be out of reach, for the broker
// takes on other ids. Runs on the main thread; tellLoaded() on the one that was started.
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
  program: Extract<Bundle, 'touch-watchdog' | 'slow-lane-thread'>,
  options: WorkerOptions,
): Promise<Thread> {
  const worker = new Worker(bundlePath(program), options);
  const [tid] = (await once(worker, 'message')) as [number];
  worker.unref();
  return { worker, tid };
}

/** The first that a thread says: its code is loaded. */
export function tellLoaded(): void {
  parentPort?.postMessage(threadId());
}
