// A program's connect to a socket of the host, by connect(2) or by the channel, in order: queue, decide, open the socket's file, check the file, dial
// it, account. Runs in the broker. It knows nothing of the trap: the caller places the socket.

import { readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { CONNECT_TIMEOUT_MS, SOCKET_RETRY_MS } from '../../shared/limits.js';
import { decideUnix } from '../../shared/policy/decide-unix.js';
import { makeDecision, quoteDestination } from '../../shared/policy/decision.js';
import { refusalErrno } from '../../shared/policy/plugin-refusal.js';
import { socketHost } from '../../shared/policy/socket-path.js';
import { errnoName, SystemError } from '../../shared/sys/libc.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { connectToPath, nameForGood, type UnixSocketType, unixSocket } from '../../shared/sys/socket.js';
import type { Outcome } from '../../shared/words.js';
import type { DescriptorShare } from '../limit/descriptor-shares.js';
import { RequestLife } from '../limit/request-life.js';
import type { Origin } from '../record/audit.js';
import { account, accountLate, describeConnection, type Ending } from './account.js';
import { outcomeOf } from './dial.js';
import { denial, type Judgement, refuseDescriptor, refuseQueued, refuseSlot } from './judgement.js';
import type { Plugin, Services } from './plugin.js';

const { EACCES, EAGAIN, ECANCELED, ENOENT, ETIMEDOUT } = constants.errno;

/** A connect to a socket of the host. */
interface HostSocketRequest {
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
  if (life.ended !== undefined) {
    accountLate(services, plugin, { host: socketHost(asked), port: 0 }, life, origin);
    return life.ended === 'timeout' ? -ETIMEDOUT : -ECANCELED;
  }
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
      return -constants.errno[refusalErrno(made.judgement.decision.reason)];
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

// The second half of the data path for a permitted socket of the host: open its file, check the file against the deny rules, dial it. Runs
// in the broker.

/** What became of a permitted connect to a socket. The caller owns the socket. */
type SocketConnect =
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
    const failure = socketFailure(errno, services.uid);
    const { outcome, detail } = failure;
    const problem = `Cannot connect to ${quoteDestination(host, port)}: ${detail}`;
    const connectMs = performance.now() - start;
    return { kind: 'failed', failure, ending: { outcome, dialed, connectMs, problem } };
  };
  const { descriptors } = plugin;
  if (!descriptors.hasRoom(2)) return { kind: 'denied', judgement: refuseDescriptor(plugin, judgement) };
  const file = await services.openSocketFile(plugin.name, path);
  if (typeof file === 'number') return fail(-file, null);
  descriptors.hold(file);
  try {
    const real = realPath(file);
    if (typeof real === 'number') return fail(-real, null);
    const denied = denialOf(judgement, real);
    // protects: G14 a deny rule holds for the path without links (as root)
    if (denied !== undefined) return { kind: 'denied', judgement: denied };
    if (life.ended !== undefined) return fail(life.ended === 'timeout' ? ETIMEDOUT : ECANCELED, real);
    const socket = await dialSocket(file, type, life, descriptors);
    if (typeof socket === 'number') return fail(-socket, real);
    const claim = plugin.connections?.hostSockets?.hold(
      socket,
      describeConnection(services, judgement, origin, { dialed: real }),
    );
    if (claim === 'full') {
      socket.close();
      return { kind: 'denied', judgement: refuseSlot(plugin, judgement) };
    }
    const connectMs = performance.now() - start;
    return {
      kind: 'connected',
      socket,
      ending: { outcome: 'connected', dialed: real, connectMs, claim: claim },
    };
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

// Dials a host's socket by its open file. Runs in the broker, with its credentials. It never blocks: a full queue is tried again.

/**
 * Connects to a socket.
 *
 * @param file a handle of the socket file, open until the end
 * @param life ends the attempts early
 * @param descriptors counts the socket
 * @returns the connected socket, non-blocking, or minus errno: ECONNREFUSED if nobody listens, EACCES, EPROTOTYPE for another type
 */
async function dialSocket(
  file: OwnedFd,
  type: UnixSocketType,
  life: RequestLife,
  descriptors: Pick<DescriptorShare, 'hold'>,
): Promise<OwnedFd | number> {
  const socket = unixSocket(type);
  if (typeof socket === 'number') return socket;
  descriptors.hold(socket);
  try {
    // Without a name, the plugin could give it an abstract name of the host.
    // protects: G6 a handed-over socket has a name already
    nameForGood(socket.number);
  } catch (error) {
    socket.close();
    if (error instanceof SystemError) return -error.errno;
    throw error;
  }
  for (;;) {
    // The link of /proc leads to the file itself: no path is walked again.
    const result = connectToPath(socket.number, `/proc/self/fd/${file.number}`);
    if (result === 0) return socket;
    if (result === -EAGAIN) await pause(life);
    if (result === -EAGAIN && life.ended === undefined) continue;
    socket.close();
    return life.ended === undefined ? result : life.ended === 'timeout' ? -ETIMEDOUT : -ECANCELED;
  }
}

/** Until the next attempt, or until the request ends. */
function pause(life: RequestLife): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, SOCKET_RETRY_MS);
    life.whenEnded(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

// Why a permitted socket of the host was not connected, in words. Pure.

interface SocketFailure {
  readonly outcome: Exclude<Outcome, 'connected'>;
  /** Positive. */
  readonly errno: number;
  /** Its name. */
  readonly code: string;
  /** For the plugin. */
  readonly cause: string;
  /** For the operator. */
  readonly detail: string;
}

const CAUSES: Readonly<Record<string, string>> = {
  ENOENT: 'nothing is at this path',
  ENOTDIR: 'a part of the path is no folder',
  ELOOP: 'the path leads through a link, and only links of root in / or /var are followed',
  ENOTSOCK: 'the file is no socket',
  EACCES: 'postern has no permission for it',
  ECONNREFUSED: 'nobody listens there',
  EPROTOTYPE: 'it is a socket of another type',
  ETIMEDOUT: 'the queue of its server stayed full',
  ECANCELED: 'canceled',
};

/** @param errno positive @param uid as which the broker asks */
function socketFailure(errno: number, uid: number): SocketFailure {
  const name = errnoName(errno);
  const cause = CAUSES[name] ?? name;
  const detail =
    name === 'EACCES' ? `uid ${uid} needs write permission for it, and search permission above it` : cause;
  return { outcome: name === 'ECANCELED' ? 'canceled' : outcomeOf(errno), errno, code: name, cause, detail };
}
