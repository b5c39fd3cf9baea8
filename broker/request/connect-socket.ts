// The second half of the data path for a permitted socket of the host: open its file, check the file against the deny rules, dial it. Runs
// in the broker.
import { readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { decideUnix } from '../../shared/policy/decide-unix.js';
import { makeDecision, quoteDestination } from '../../shared/policy/make-decision.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { UnixSocketType } from '../../shared/sys/socket.js';
import type { RequestLife } from '../limit/request-life.js';
import type { Origin } from '../record/origin.js';
import { describeConnection, type Ending } from './account.js';
import { refuseDescriptor, refusePlace } from './admit-connection.js';
import { dialSocket } from './dial-socket.js';
import type { Judgement } from './judgement.js';
import { openSocketFile } from './open-socket-file.js';
import type { Plugin } from './plugin.js';
import type { Services } from './services.js';
import { type SocketFailure, socketFailure } from './socket-failure.js';

const { ENOENT } = constants.errno;

/** What became of a permitted connect to a socket. The caller owns the socket. */
export type SocketConnect =
  /** A deny rule names the file by its path without links, or the plugin has used up its share of descriptors. */
  | { readonly kind: 'denied'; readonly judgement: Judgement }
  | { readonly kind: 'failed'; readonly failure: SocketFailure; readonly ending: Ending }
  | { readonly kind: 'connected'; readonly socket: OwnedFd; readonly ending: Ending };

/**
 * Connects to the decision's path.
 *
 * @param path of a decision that is no denial
 * @param life ends the attempts early
 */
export async function connectSocket(
  services: Services,
  plugin: Plugin,
  judgement: Judgement,
  origin: Origin,
  path: string,
  type: UnixSocketType,
  life: RequestLife,
): Promise<SocketConnect> {
  const start = performance.now();
  const fail = (errno: number, dialed: string | null): SocketConnect => {
    const { host, port } = judgement.decision;
    const failure = socketFailure(errno, process.getuid?.() ?? 0);
    const { outcome, detail } = failure;
    const problem = `Cannot connect to ${quoteDestination(host, port)}: ${detail}`;
    const connectMs = performance.now() - start;
    return { kind: 'failed', failure, ending: { outcome, dialed, connectMs, problem } };
  };
  const { descriptors } = plugin;
  if (!descriptors.hasRoom(2)) return { kind: 'denied', judgement: refuseDescriptor(plugin, judgement) };
  const file = openSocketFile(path);
  if (typeof file === 'number') return fail(-file, null);
  descriptors.hold(file);
  try {
    const real = realPath(file);
    if (typeof real === 'number') return fail(-real, null);
    const denied = denialOf(judgement, real);
    // protects: G14 a deny rule holds for the path without links (as root)
    if (denied !== undefined) return { kind: 'denied', judgement: denied };
    const socket = await dialSocket(file, type, life, descriptors);
    if (typeof socket === 'number') return fail(-socket, real);
    const place = plugin.connections?.hostSockets?.hold(
      socket,
      describeConnection(services, judgement, origin, { dialed: real }),
    );
    if (place === 'full') {
      socket.close();
      return { kind: 'denied', judgement: refusePlace(plugin, judgement) };
    }
    const connectMs = performance.now() - start;
    return { kind: 'connected', socket, ending: { outcome: 'connected', dialed: real, connectMs, place } };
  } finally {
    file.close();
  }
}

/** Without links. @returns minus errno if the file has gone from its path */
function realPath(file: OwnedFd): string | number {
  try {
    const path = readlinkSync(`/proc/self/fd/${file.number}`);
    // proc_pid_fd(5): the file was removed or replaced meanwhile, and no rule is about it any more.
    return path.endsWith(' (deleted)') ? -ENOENT : path;
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException;
    if (errno === undefined) throw error;
    return errno;
  }
}

function denialOf(judgement: Judgement, real: string): Judgement | undefined {
  const { decision, policy } = judgement;
  const verdict = policy && decideUnix(policy, real);
  if (verdict?.reason !== 'denied_by_rule') return undefined;
  const { host, port } = decision;
  const { reason, rule } = verdict;
  return { ...judgement, decision: makeDecision({ decision: 'deny', reason, rule, host, port }) };
}
