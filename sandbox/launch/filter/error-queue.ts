// Reads of a socket's error queue, recv(2) with MSG_ERRQUEUE. The flags are an argument, so the filter sees them. The queue holds what the plugin
// must not see. So with egress `transparent` the filter reports these calls to the broker, which answers with an errno alone.
import type { ArgumentMatch, FilterAction, FilterRule } from '../../../shared/sys/filter.js';
import { MSG_ERRQUEUE } from '../../../shared/sys/socket.js';

const flagsAt = (index: 2 | 3): readonly ArgumentMatch[] => [
  { index, mask: MSG_ERRQUEUE, equals: MSG_ERRQUEUE },
];

export const errorQueueReads = (action: FilterAction): readonly FilterRule[] => [
  { calls: ['recvmsg'], action, when: flagsAt(2) },
  { calls: ['recvfrom', 'recvmmsg'], action, when: flagsAt(3) },
];
