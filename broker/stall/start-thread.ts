// Starts a thread of the broker and waits until its code is loaded. Once the broker has taken on other ids, it may not be able to read
// the files. Runs on the main thread.
import { once } from 'node:events';
import type { Worker, WorkerOptions } from 'node:worker_threads';
import { startNativeThread } from '../../shared/native-thread.js';

export interface Thread {
  readonly worker: Worker;
  /** Its id, gettid(2). */
  readonly tid: number;
}

export async function startThread(
  program: 'stall-watchdog' | 'slow-lane-thread',
  options: WorkerOptions,
): Promise<Thread> {
  const worker = startNativeThread(program, options);
  const [tid] = (await once(worker, 'message')) as [number];
  worker.unref();
  return { worker, tid };
}
