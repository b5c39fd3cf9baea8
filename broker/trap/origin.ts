// Who made a trapped call, for the audit log. Runs in the broker.
import type { Origin } from '../account.js';
import type { TrapContext } from './trap-context.js';
import type { TrappedCall } from './trapped-call.js';

export function originOf({ processes }: TrapContext, { tid }: TrappedCall): Origin {
  return { door: 'trap', pid: processes.processOf(tid), program: processes.programOf(tid) };
}
