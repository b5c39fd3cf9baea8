// Starts a thread of the broker's and waits for its code to be loaded: afterwards the files may be out of reach, for the broker
// takes on other ids. Runs on the main thread.
import { once } from 'node:events';
import { Worker, type WorkerOptions } from 'node:worker_threads';

/** What a thread says once it is loaded. */
export const LOADED = 'loaded';

/** @param file beside this one, without its extension */
export async function startThread(file: string, options: WorkerOptions): Promise<Worker> {
  const worker = new Worker(new URL(`./${file}.js`, import.meta.url), options);
  await once(worker, 'message');
  worker.unref();
  return worker;
}
