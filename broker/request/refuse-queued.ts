// A request that found its plugin's queue full, for both ways out. Runs in the broker.
import type { QueueRefusal } from '../limit/request-queue.js';
import { type Destination, denial, type Judgement } from './judgement.js';
import type { Plugin } from './plugin.js';

/** Counts the refusal. */
export function refuseQueued(
  { metrics, policy }: Plugin,
  destination: Destination,
  { reason, limit }: QueueRefusal,
): Judgement {
  metrics.count('limitRejections', { limit });
  return denial(reason, destination, policy);
}
