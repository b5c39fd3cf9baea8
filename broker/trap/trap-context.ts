// The state of one sandbox's trap, for every call of it. Runs in the broker.
import type { WritableOnce } from '../../shared/sys/epoll.js';
import type { LastHolder } from '../../shared/sys/last-holder.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { CallerOrigins, CallerProcesses } from '../caller/caller-processes.js';
import type { QuestionAskers } from '../dns/dns-server.js';
import type { Grants } from '../dns/grants.js';
import type { Plugin, Services } from '../request/plugin.js';
import type { CarryOver } from './carry-over.js';
import type { Resets } from './dissolved-connections.js';
import type { LoopbackHints, SocketRefusals } from './refusals.js';
import type { RememberedConnects } from './remembered-connects.js';
import type { AnswerCaller, ConnectUnix, SetFolderMode } from './send-orders.js';
import type { WaitingCalls } from './waiting-calls.js';

export interface TrapContext {
  readonly services: Services;
  readonly plugin: Plugin;
  readonly processes: CallerProcesses;
  readonly origins: CallerOrigins;
  /** Cookie of the sandbox's network namespace. */
  readonly netns: bigint;
  readonly grants: Grants;
  readonly askers: QuestionAskers;
  readonly waiting: WaitingCalls;
  /** Non-blocking connects whose sockets are placed and whose end is not known yet. */
  readonly settling: Set<{ readonly cancel: () => void; readonly leave: () => void }>;
  readonly loopback: LoopbackHints;
  readonly refusals: SocketRefusals;
  readonly writable: WritableOnce;
  readonly carryOver: CarryOver;
  readonly resets: Resets;
  readonly remembered: RememberedConnects;
  /** Missing where the kernel cannot tell: then each placing searches the caller's table. */
  readonly lastHolder: LastHolder | undefined;
  readonly connectUnix: ConnectUnix;
  readonly setFolderMode: SetFolderMode;
  readonly answerCaller: AnswerCaller;
  /** Whether Landlock denies TCP in the sandbox. If so an AF_UNIX bind may go on: a swapped socket only gets an errno. */
  readonly landlockDeniesTcp: boolean;
  /** What the sandbox gets for an AF_UNIX datagram socket; undefined: it gets none. */
  readonly noticeSocket: OwnedFd | undefined;
}

// The socket of a trapped call.

export interface TrappedSocket {
  /** A duplicate of the caller's. */
  readonly descriptor: OwnedFd;
  readonly domain: number;
  /** Made in the sandbox's own network namespace. */
  readonly own: boolean;
}
