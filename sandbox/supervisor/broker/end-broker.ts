// Ends a broker for good. Runs in the supervisor.
import type { SpawnedBroker } from './spawn-broker.js';

const BROKER_STOP_TIMEOUT_MS = 5_000;

/** Resolves when it has ended and its last lines have been read. */
export async function endBroker({ child, lines }: SpawnedBroker): Promise<void> {
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  // The end of the line stream tells the broker to end. Its last lines are still read.
  const { closed } = lines;
  lines.end();
  const timer = setTimeout(() => child.kill('SIGKILL'), BROKER_STOP_TIMEOUT_MS);
  await ended;
  lines.closeSoon();
  await closed;
  clearTimeout(timer);
}
