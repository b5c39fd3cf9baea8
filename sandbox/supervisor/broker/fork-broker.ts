// Spawns the process of a broker. It loads its code, and serves nobody before it gets its first line. All results are plain values, so that one
// program of postern can hand them to another one in the same process (early-broker.ts).

import { type ChildProcess, spawn } from 'node:child_process';
import { bundlePath } from '../../../shared/bundles.js';

import { nodeFlags } from '../../../shared/node-flags.js';
import { KEEPS_CAPABILITIES, OWN_ROOT } from '../../../shared/protocol/link.js';
import { setCloseOnExecFrom, setPipeSize } from '../../../shared/sys/fcntl.js';
import { makePipe } from '../../../shared/sys/pipe.js';
import { withMostProcesses } from '../../../shared/sys/rlimit.js';
import { nameForGood, packetSocketPair } from '../../../shared/sys/socket.js';
import type { Privileges } from '../../host/privileges.js';
import { enteringUserNamespace, userNamespace } from './user-namespace.js';

/** Of lines that a broker has written and the supervisor has not read. They outlive the broker. */
const LINE_PIPE_BYTES = 256 * 1024;

/** This process's ends of the pipes for lines: two descriptors. */
export interface LinePipes {
  readonly from: number;
  readonly to: number;
}

/**
 * A broker's process, and this process's ends of what leads to it. What the main thread reads is pipes. A broker that was taken over could send a
 * descriptor through a socket. A process that reads past it closes it, and the close of a connection can wait for hours (SO_LINGER).
 */
export interface ForkedBroker {
  readonly child: ChildProcess;
  /** Resolves when the child runs, and never where it cannot be spawned. */
  readonly spawned: Promise<void>;
  readonly as: Privileges;
  /** As a user: the number of {@link userNamespace}, which stays open. */
  readonly userNamespace: number | undefined;
  /** A descriptor, of which the caller becomes the owner, as of the others. */
  readonly packets: number;
  readonly lines: LinePipes;
  /** What it writes on stderr. */
  readonly words: number;
}

/** @throws SystemError where there are no descriptors; PosternError `launch_failed` where the host forbids a user namespace */
export function forkBroker(as: Privileges): ForkedBroker {
  // Of what this process's own starter left open, nothing is for the broker. Node marks its own descriptors itself.
  // protects: G16 the broker gets no descriptor of postern's starter
  setCloseOnExecFrom(3);
  const namespace = as === 'user' ? userNamespace().number : undefined;
  const [ours, theirs] = packetSocketPair();
  // An empty packet is no end then, see lookAtMessage().
  nameForGood(theirs.number);
  const [toBroker, fromBroker] = [makePipe(), makePipe()];
  setPipeSize(fromBroker.read.number, LINE_PIPE_BYTES);
  const words =
    /* protects: G13 the main thread reads no socket of a broker (fails closed) => ((ends) => ({ read: ends[0], write: ends[1] }))(packetSocketPair()) */ makePipe();
  const [program, ...args] = brokerCommand(as);
  const start = (): ChildProcess =>
    spawn(program, args, {
      cwd: '/',
      env: BROKER_ENVIRONMENT,
      // A separate process group: the terminal's signals are not for the broker.
      detached: true,
      // stderr is a pipe: Node would make a shared stream non-blocking, for the plugin too.
      stdio: [
        ...(['ignore', 'ignore'] as const),
        ...[words.write, toBroker.read, theirs, fromBroker.write].map(({ number }) => number),
        ...(namespace === undefined ? [] : [namespace]),
      ],
    });
  // As root it has the uid that the processes of all sandboxes count for. It must still start threads where they are many.
  const child = as === 'root' ? withMostProcesses(start) : start();
  for (const end of [words.write, toBroker.read, theirs, fromBroker.write]) end.close();
  // Without a listener the error would end this process. A user of the child sees it too: there is no pid.
  child.on('error', () => {});
  const spawned = new Promise<void>((resolve) => {
    child.once('spawn', resolve);
  });
  const lines = { from: fromBroker.read.release(), to: toBroker.write.release() };
  const own = { packets: ours.release(), lines, words: words.read.release() };
  return { child, spawned, as, userNamespace: namespace, ...own };
}

// The command that starts a broker. The broker gets its own mount namespace from unshare(1). As root it makes it read-only before it gives its ids
// up; as a user it makes a root of its own there. Node has threads, and could not make a mount namespace for all of them itself.

/** unshare(1) executes the broker in its own process, so the pid stays. */
const OWN_MOUNTS = ['unshare', '--mount', '--propagation', 'private', '--'];

/**
 * The broker inherits no variable. This one keeps libuv's file calls off io_uring: Node refuses to change ids while a ring may be
 * in use (CVE-2024-22017).
 */
export const BROKER_ENVIRONMENT: NodeJS.ProcessEnv = { UV_USE_IO_URING: '0' };

/** The number of the user namespace's descriptor. Node closes it when the broker becomes Node again. */
const NAMESPACE_FD = 6;
/** Words before and after the program. Confined root has neither mounts nor ids for its broker. */
const AROUND: Readonly<
  Record<Privileges, { readonly before: readonly string[]; readonly after: readonly string[] }>
> = {
  root: { before: OWN_MOUNTS, after: [KEEPS_CAPABILITIES] },
  'confined-root': { before: [], after: [] },
  user: /* protects: G16 broker: a user's reaches into no other program of the user => { before: [], after: [] } */ {
    before: [...enteringUserNamespace(NAMESPACE_FD), ...OWN_MOUNTS],
    after: [OWN_ROOT],
  },
};

/**
 * @param options Node's own options, before the program
 */
export function brokerCommand(
  as: Privileges,
  options: readonly string[] = [],
): readonly [string, ...string[]] {
  const [program = process.execPath, ...rest] = [
    ...AROUND[as].before,
    process.execPath,
    ...nodeFlags(),
    ...options,
    bundlePath('broker'),
    ...AROUND[as].after,
  ];
  return [program, ...rest];
}
