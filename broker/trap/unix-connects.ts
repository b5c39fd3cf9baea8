// Who connects the AF_UNIX sockets of a sandbox. As an ordinary user, broker and plugin have one uid, and the broker does it. As root they
// have different ones, and a socket's file would not let the broker in: a thread of the supervisor does it, see supervised-orders.ts.
import { constants } from 'node:os';
import {
  connectInside,
  findInside,
  type UnixPlace,
  type UnixTarget,
} from '../../shared/sys/connect-inside.js';
import type { SlowLane } from '../stall/slow-lane.js';
import type { StallBudget } from '../stall/stall-budget.js';

const { EAGAIN } = constants.errno;

/** @param done takes 0, minus errno, or `host` for a socket that was not bound in the sandbox */
export type ConnectUnix = (fd: number, target: UnixTarget, done: (result: number | 'host') => void) => void;

/** On the main thread; for a slow plugin on the slow lane, since it can make the connect wait. */
export function connectsHere(
  place: UnixPlace,
  stall: StallBudget,
  slowLane: Pick<SlowLane, 'connect'>,
): ConnectUnix {
  return (fd, target, done) => {
    if (
      /* protects: G9 a slow plugin's AF_UNIX connects wait on the slow lane => true */ !stall.slow ||
      target.kind === 'listen'
    ) {
      done(connectInside(place, fd, target));
      return;
    }
    const found = findInside(place, target);
    if (typeof found !== 'object') {
      done(found);
      return;
    }
    const { address, file } = found;
    if (file !== undefined) stall.descriptors.hold(file);
    const finish = (result: number): void => {
      file?.close();
      done(result);
    };
    // Without a descriptor for the alarm nothing could end a connect that waits.
    slowLane.connect(stall, fd, address).then(finish, () => finish(-EAGAIN));
  };
}
