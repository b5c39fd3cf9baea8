// A program's connect(2) to a socket of the host, in order: queue, decide, dial, account. Runs in the broker. It knows nothing of the trap:
// the caller places the socket.
import { constants } from 'node:os';
import { CONNECT_TIMEOUT_MS } from '../../shared/limits.js';
import { decideUnix } from '../../shared/policy/decide-unix.js';
import { socketHost } from '../../shared/policy/socket-path.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { UnixSocketType } from '../../shared/sys/socket.js';
import { RequestLife } from '../limit/request-life.js';
import type { Origin } from '../record/origin.js';
import { account } from './account.js';
import { connectSocket } from './connect-socket.js';
import { denial, type Judgement } from './judgement.js';
import type { Plugin } from './plugin.js';
import { refusalErrno } from './refusal-errno.js';
import { refuseQueued } from './refuse-queued.js';
import type { Services } from './services.js';

const { EACCES, EAGAIN, ECANCELED, ETIMEDOUT } = constants.errno;

/** A connect to a socket of the host. */
export interface HostSocketRequest {
  /** As the program wrote it, without its NUL. A text or bytes that are no absolute path are refused. */
  readonly path: string | Uint8Array;
  /** Of the program's own socket. */
  readonly type: UnixSocketType;
  /** The process that asks, for the log. */
  readonly origin: Origin;
  /** Ends the request early, also while it waits in the queue. */
  readonly life?: RequestLife;
}

/**
 * Connects to a socket of the host, if a rule names exactly this path.
 *
 * @returns the connected socket, non-blocking and close-on-exec, which the caller owns; or minus errno. EACCES: no rule allows it, a rule
 *   denies it, or the broker has no permission. EAGAIN: the plugin's queue is full, or its share of descriptors is used up. ENOENT, ECONNREFUSED, EPROTOTYPE, ETIMEDOUT,
 *   ECANCELED and others. Never rejects
 */
export function connectHostSocket(
  services: Services,
  plugin: Plugin,
  request: HostSocketRequest,
): Promise<OwnedFd | number> {
  const { path, origin, life = new RequestLife(CONNECT_TIMEOUT_MS) } = request;
  return new Promise((resolve) => {
    const refusal = plugin.queue.add(life, async () => {
      resolve(await serve(services, plugin, request, life));
    });
    if (refusal === undefined) return;
    const judgement = refuseQueued(plugin, { host: socketHost(path), port: 0 }, refusal);
    account(services, plugin, judgement, undefined, origin);
    resolve(-EAGAIN);
  });
}

/** The request's turn in the queue. */
async function serve(
  services: Services,
  plugin: Plugin,
  { path: asked, type, origin }: HostSocketRequest,
  life: RequestLife,
): Promise<OwnedFd | number> {
  // Nothing was decided, so nothing is accounted.
  if (life.ended !== undefined) return life.ended === 'timeout' ? -ETIMEDOUT : -ECANCELED;
  const judgement = judge(services, plugin, asked);
  const { path } = judgement.decision;
  try {
    if (path === undefined) {
      account(services, plugin, judgement, undefined, origin);
      return -EACCES;
    }
    const made = await connectSocket(services, plugin, judgement, origin, path, type, life);
    if (made.kind === 'denied') {
      account(services, plugin, made.judgement, undefined, origin);
      return -refusalErrno(made.judgement.decision.reason);
    }
    account(services, plugin, judgement, made.ending, origin);
    return made.kind === 'connected' ? made.socket : -made.failure.errno;
  } finally {
    life.settle();
  }
}

function judge(services: Services, { policy }: Plugin, path: string | Uint8Array): Judgement {
  if (policy === undefined) return denial('policy_unavailable', { host: socketHost(path), port: 0 }, policy);
  const start = performance.now();
  const decision = decideUnix(policy, path);
  services.metrics.observe('decisionDuration', {}, (performance.now() - start) / 1000);
  return { decision, policy, considered: [], dnsMs: null };
}
