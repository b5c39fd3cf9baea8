// connect(2) on an AF_UNIX socket of the plugin's. The kernel does not execute it as the plugin wrote it: between a look at the path and the
// call, another thread could swap the path, and a path can lead to any socket of the host. Runs in the broker.
import { constants } from 'node:os';
import { decideUnix } from '../../shared/policy/decide-unix.js';
import type { Policy } from '../../shared/policy/policy.js';
import { shortestPath } from '../../shared/policy/socket-path.js';
import { isNonBlocking } from '../../shared/sys/fcntl.js';
import { socketKind } from '../../shared/sys/socket.js';
import { SOCK_DGRAM } from '../../shared/sys/socket-constants.js';
import { sendTimeout } from '../../shared/sys/socket-state.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import { placeHostSocket } from './place-host-socket.js';
import { refuseForeign } from './refuse-foreign.js';
import type { TrapContext } from './trap-context.js';
import type { TrappedSocket } from './trapped-socket.js';
import { unixTarget } from './unix-target.js';
import { type Interruption, interruptedResult } from './waiting-calls.js';

const { EACCES, EAGAIN } = constants.errno;
/** Between two attempts at a listener whose backlog is full: no event tells when there is room. */
const RETRY_MS = { first: 2, last: 100 };

/** @returns whether the descriptor is still needed, and closed later */
export function connectUnix(
  context: TrapContext,
  call: TrappedCall,
  { descriptor, own }: TrappedSocket,
  address: Uint8Array,
): boolean {
  const {
    services: { guard },
    plugin: { stall },
    waiting,
  } = context;
  const target = unixTarget(call.tid, address);
  if (typeof target === 'number') {
    call.end(target, 'error');
    return false;
  }
  if (!own) {
    refuseForeign(context, call, undefined);
    return false;
  }
  // A rule opens a socket of the host that takes connections. Datagrams stay within the sandbox.
  const datagrams = socketKind(descriptor.number)?.type === SOCK_DGRAM;
  const path = target.kind === 'path' && !datagrams ? shortest(target.path) : undefined;
  if (path !== undefined && isOpened(context.plugin.policy, path)) {
    void placeHostSocket(context, call, descriptor, path);
    return true;
  }
  const blocking = !isNonBlocking(descriptor.number);
  const limit = blocking ? sendTimeout(descriptor.number) : 0;
  const giveUpAt = limit > 0 ? performance.now() + limit : Number.POSITIVE_INFINITY;
  let pause = RETRY_MS.first;
  let timer: NodeJS.Timeout | undefined;
  let over = false;
  /** While the supervisor works on the call, it keeps its place: a plugin could interrupt calls faster than they are carried out. */
  let asked = false;
  let interruption: Interruption | undefined;
  const finish = (result: number): void => {
    over = true;
    clearTimeout(timer);
    waiting.remove(call);
    call.end(result, result === -EACCES ? 'refused' : 'own');
    descriptor.close();
  };
  const interrupt = (why: Interruption): void =>
    finish(why === 'gone' ? -EAGAIN : interruptedResult(why, limit > 0));
  const attempt = (): void => {
    asked = true;
    call.begin();
    context.connectUnix(descriptor.number, target, settle);
  };
  const settle = (result: number | 'host'): void => {
    asked = false;
    if (over) return;
    if (interruption !== undefined && (result === 'host' || result === -EAGAIN)) interrupt(interruption);
    else if (result === 'host' && path !== undefined) {
      over = true;
      waiting.remove(call);
      // No rule opens it: this refuses and accounts.
      void placeHostSocket(context, call, descriptor, path);
    } else if (result === 'host') finish(-EACCES);
    else if (result !== -EAGAIN || !blocking || performance.now() >= giveUpAt) finish(result);
    else {
      call.begin(false);
      timer = setTimeout(() => guard.watch(stall, attempt), Math.min(pause, giveUpAt - performance.now()));
      pause = Math.min(2 * pause, RETRY_MS.last);
    }
  };
  attempt();
  if (over) return true;
  waiting.add(call, (why) => {
    interruption = why;
    if (!over && !asked) guard.watch(stall, () => interrupt(why));
  });
  return true;
}

/** Whether a rule opens this very path, so that the host's socket is meant. */
function isOpened(policy: Policy | undefined, path: string | Uint8Array): boolean {
  return policy !== undefined && decideUnix(policy, path).decision === 'allow';
}

/** The path in its shortest form, as rules write it, or its bytes if they are no UTF-8. */
function shortest(path: Uint8Array): string | Uint8Array {
  try {
    return shortestPath(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(path));
  } catch {
    return path;
  }
}
