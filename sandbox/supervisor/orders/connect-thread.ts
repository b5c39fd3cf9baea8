// A thread of the supervisor that connects AF_UNIX sockets of plugins, and sets modes of their folders, with the plugins' ids. So the kernel
// checks permissions, and tells a server the ids, as if the plugin had made the call. Only such threads take the ids, credentials(7). It also
// writes answers into the memory of callers, marks sockets and opens files of sockets as the supervisor, and receives and closes what a broker sends. Threads share the
// descriptor table.
import { constants } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { tellLoaded } from '../../../shared/native-thread.js';
import { dropOwnCapabilities } from '../../../shared/sys/capabilities.js';
import { connectInside, type UnixTarget } from '../../../shared/sys/connect-inside.js';
import { receiveMessage } from '../../../shared/sys/message.js';
import { openSocketFile } from '../../../shared/sys/open-socket-file.js';
import { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { dropThreadGroups, setNoNewPrivileges, withThreadIds } from '../../../shared/sys/process-control.js';
import { SandboxListeners } from '../../../shared/sys/sandbox-listeners.js';
import { type FolderMode, setFolderMode } from '../../../shared/sys/set-folder-mode.js';
import { AF_UNIX } from '../../../shared/sys/sockaddr.js';
import { SO_LINGER, SOL_SOCKET, writeOption } from '../../../shared/sys/socket.js';
import { identifySocket, netnsCookie, setSocketMark } from '../../../shared/sys/socket-state.js';
import { answerCaller, type CallerAnswer } from './answer-caller.js';

const { EACCES } = constants.errno;

setNoNewPrivileges();
// A user's thread keeps the user's groups, as the user's plugins do. It keeps no capability that the user may have.
if (process.geteuid?.() === 0)
  // protects: G14 unix orders: the thread has none of the supervisor's groups (as root)
  dropThreadGroups();
// protects: G14 folder modes: the thread has none of a user's capabilities
else dropOwnCapabilities();

/** What the thread does, by kind. It owns no descriptor but those that `close` names. */
type Orders = {
  readonly connect: {
    /** The plugin's uid and gid. */
    readonly id: number;
    /** Of the sandbox. No other sandbox ever has it. */
    readonly trap: number;
    readonly root: number;
    readonly diag: number;
    readonly scratch: readonly bigint[];
    readonly socket: number;
    readonly target: UnixTarget;
  };
  readonly mode: {
    /** The plugin's uid and gid. Undefined: those of the supervisor. */
    readonly id: number | undefined;
    readonly root: number;
    readonly change: FolderMode;
  };
  readonly answer: CallerAnswer;
  readonly mark: { readonly socket: number; readonly mark: number };
  /** Of a host's socket, whose file it opens. The result is its number. */
  readonly open: { readonly path: string };
  /** A packet socket. The thread takes some of the packets that wait there. */
  readonly receive: { readonly packets: number };
  /** A descriptor that a broker sent. */
  readonly close: { readonly descriptor: number };
  /** A sandbox that has ended. Such an order gets no report. */
  readonly forget: { readonly trap: number };
};

type Kind = keyof Orders;
export type ThreadOrder<K extends Kind = Kind> = { readonly [T in K]: { readonly kind: T } & Orders[T] }[K];

/** A packet that the thread has received, with one descriptor at most. */
export interface ReceivedPacket {
  readonly payload: Uint8Array;
  readonly socket: number | undefined;
  /** This process had no free descriptor number, so a descriptor of the packet is missing. */
  readonly isCut: boolean;
}

/** Of the orders about what a broker sends. */
export interface SentReport {
  readonly received?: readonly ReceivedPacket[];
  /** The broker sends nothing more. */
  readonly isOver?: boolean;
}

type Report = { readonly result: number | 'host' } | SentReport;

const sandboxes = new Map<number, SandboxListeners>();

const WORK: { readonly [K in Kind]: (order: Orders[K]) => Report | undefined } = {
  connect: (order) => ({ result: connectAsPlugin(order) }),
  mode: (order) => ({ result: changeMode(order) }),
  answer: (answer) => ({ result: answerCaller(answer) }),
  mark: ({ socket, mark }) => ({ result: setSocketMark(socket, mark) }),
  open: ({ path }) => ({ result: openFile(path) }),
  receive: ({ packets }) => receivePackets(packets),
  close: ({ descriptor }) => closeAtOnce(new OwnedFd(descriptor)),
  forget: ({ trap }) => {
    sandboxes.delete(trap);
    return undefined;
  },
};

parentPort?.on('message', (order: ThreadOrder) => {
  const report = (WORK[order.kind] as (order: ThreadOrder) => Report | undefined)(order);
  if (report !== undefined) parentPort?.postMessage(report);
});
tellLoaded();

/** Packets that are received for one order. */
const AT_A_TIME = 16;
const NO_LINGER = new Uint8Array(8);

function receivePackets(fd: number): SentReport {
  const received: ReceivedPacket[] = [];
  while (received.length < AT_A_TIME) {
    const message = receiveMessage(fd);
    if (typeof message === 'number') return { received };
    const { payload, descriptors, truncated } = message;
    const [socket, ...more] = descriptors;
    // The broker has closed its end, or sends empty packets.
    if (payload.length === 0 && socket === undefined && !truncated) return { received, isOver: true };
    const isWhole = more.length === 0 && !truncated;
    if (!isWhole) for (const descriptor of descriptors) closeAtOnce(descriptor);
    // Several descriptors: no broker of postern sends such a packet.
    if (isWhole || more.length === 0)
      received.push({ payload, socket: isWhole ? socket?.release() : undefined, isCut: truncated });
  }
  return { received };
}

/** A broker that lives can set the option again in between. Then its own thread waits. */
function closeAtOnce(descriptor: OwnedFd): SentReport {
  const off =
    /* protects: G13 no connection of a broker lingers when it is closed => new Uint8Array() */ NO_LINGER;
  writeOption(descriptor.number, SOL_SOCKET, SO_LINGER, off);
  descriptor.close();
  return {};
}

/** @returns the number of the file, or minus errno */
function openFile(path: string): number {
  const file = openSocketFile(path);
  return typeof file === 'number' ? file : file.release();
}

function connectAsPlugin(order: Orders['connect']): number | 'host' {
  const { id, trap, root, diag, scratch, socket, target } = order;
  if (!isOfSandbox(socket, diag)) return -EACCES;
  const listeners = sandboxes.get(trap) ?? new SandboxListeners(diag, scratch);
  sandboxes.set(trap, listeners);
  try {
    return /* protects: G14 unix orders: the thread connects with the plugin's ids (as root) => ((withThreadIds) => $&)((_, work) => work(undefined)) */ withThreadIds(
      id,
      (asRoot) => connectInside({ root, listeners, readsProc: asRoot }, socket, target),
    );
  } catch {
    return -EACCES;
  }
}

function changeMode({ id, root, change }: Orders['mode']): number {
  try {
    if (id === undefined) return setFolderMode({ root }, change);
    // protects: G14 folder modes: the thread has the plugin's ids => return setFolderMode({ root }, change);
    return withThreadIds(id, (asRoot) => setFolderMode({ root, readsProc: asRoot }, change));
  } catch {
    return -EACCES;
  }
}

/**
 * Whether an AF_UNIX socket was made in the sandbox. The broker may have been taken over. With the plugin's ids, a socket of the host's
 * network namespace would reach the host's abstract names, and any listen(2) would succeed.
 *
 * @param diag a socket of the sandbox's network namespace
 */
function isOfSandbox(socket: number, diag: number): boolean {
  const identity = identifySocket(socket);
  const netns = netnsCookie(diag);
  return (
    typeof identity !== 'number' &&
    /* protects: G14 unix orders: the thread takes AF_UNIX sockets alone (as root) */ identity.domain ===
      AF_UNIX &&
    netns !== 0n &&
    /* protects: G14 unix orders: the thread takes sockets of the sandbox's network alone (as root) */ identity.netns ===
      netns
  );
}
