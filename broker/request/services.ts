// The services that every request needs, whichever plugin asks. Runs in the broker.
import type { DescriptorPool } from '../limit/descriptor-shares.js';
import type { HostAddresses } from '../names/host-addresses.js';
import type { NameResolver } from '../names/resolve.js';
import type { Audit } from '../record/audit.js';
import type { Metrics } from '../record/metrics.js';
import type { SlowLane } from '../stall/slow-lane.js';
import type { StallGuard } from '../stall/stall-guard.js';
import type { SocketMarker } from '../upstream/socket-marker.js';
import type { Plugin } from './plugin.js';

export interface Services {
  readonly audit: Audit;
  readonly descriptors: DescriptorPool;
  readonly guard: Pick<StallGuard, 'watch'>;
  readonly host: HostAddresses;
  readonly metrics: Metrics;
  readonly marker: SocketMarker;
  readonly names: NameResolver;
  /** All of them, by name. */
  readonly plugins: Map<string, Plugin>;
  readonly slowLane: Pick<SlowLane, 'reach' | 'copyPath' | 'place' | 'install' | 'connect' | 'close'>;
}
