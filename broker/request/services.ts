// What every request needs beside its plugin. Runs in the broker.

import type { HostAddresses } from '../names/host-addresses.js';
import type { NameResolver } from '../names/resolve.js';
import type { Audit } from '../record/audit.js';
import type { Metrics } from '../record/metrics.js';
import type { SlowLane } from '../stall/slow-lane.js';
import type { TouchWatch } from '../stall/touch-watch.js';

export interface Services {
  readonly audit: Audit;
  readonly host: HostAddresses;
  readonly metrics: Metrics;
  readonly names: NameResolver;
  readonly touches: Pick<TouchWatch, 'touch'>;
  readonly slowLane: Pick<SlowLane, 'reach' | 'place' | 'close'>;
}
