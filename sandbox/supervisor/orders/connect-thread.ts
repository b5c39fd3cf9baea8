// A thread of the supervisor that connects AF_UNIX sockets of plugins, and sets modes of their folders, with the plugins' ids. So the kernel
// checks permissions, and tells a server the ids, as if the plugin had made the call. Only such threads take the ids, credentials(7). It also
// writes answers into the memory of callers, marks sockets and opens files of sockets as the supervisor, and receives and closes what a broker sends. Threads share the
// descriptor table.
import { constants } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { tellLoaded } from '../../../shared/native-thread.js';
import { dropOwnCapabilities } from '../../../shared/sys/capabilities.js';
import { connectInside } from '../../../shared/sys/connect-inside.js';
import { lookAtMessage, receiveMessage } from '../../../shared/sys/message.js';
import { openSocketFile } from '../../../shared/sys/open-socket-file.js';
import { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { dropThreadGroups, setNoNewPrivileges, withThreadIds } from '../../../shared/sys/process-control.js';
import { SandboxListeners } from '../../../shared/sys/sandbox-listeners.js';
import { setFolderMode } from '../../../shared/sys/set-folder-mode.js';
import { AF_UNIX } from '../../../shared/sys/sockaddr.js';
import { SO_LINGER, SOL_SOCKET, writeOption } from '../../../shared/sys/socket.js';
import { identifySocket, netnsCookie, setSocketMark } from '../../../shared/sys/socket-state.js';
import { answerCaller } from './answer-caller.js';
import type { ConnectOrder, ConnectReport } from './connects-as-plugin.js';
import type { LaneOrder } from './plugin-lanes.js';
import type { SentOrder, SentReport } from './sent-descriptors.js';

const { EACCES } = constants.errno;

setNoNewPrivileges();
// A user's thread keeps the user's groups, as the user's plugins do. It keeps no capability that the user may have.
if (process.geteuid?.() === 0)
  // protects: G14 unix orders: the thread has none of the supervisor's groups (as root)
  dropThreadGroups();
// protects: G14 folder modes: the thread has none of a user's capabilities
else dropOwnCapabilities();

const sandboxes = new Map<number, SandboxListeners>();

parentPort?.on('message', (order: ConnectOrder & LaneOrder & SentOrder) => {
  if (order.forget !== undefined) {
    sandboxes.delete(order.forget);
    return;
  }
  const report: ConnectReport | SentReport = reportOf(order) ?? { result: resultOf(order) };
  for (const descriptor of order.owned ?? []) new OwnedFd(descriptor).close();
  parentPort?.postMessage(report);
});
tellLoaded();

/** Packets that are received for one order. */
const AT_A_TIME = 16;
const NO_LINGER = new Uint8Array(8);

/** @returns undefined for an order about no descriptor of a broker */
function reportOf({ receive, closeSent, endPackets }: SentOrder): SentReport | undefined {
  if (receive !== undefined) return receivePackets(receive);
  if (closeSent !== undefined) closeAtOnce(new OwnedFd(closeSent));
  else if (endPackets !== undefined) closePackets(new OwnedFd(endPackets));
  else return undefined;
  return {};
}

function receivePackets(fd: number): SentReport {
  const received: NonNullable<SentReport['received']>[number][] = [];
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

function closePackets(packets: OwnedFd): void {
  while (['message', 'descriptors'].includes(lookAtMessage(packets.number))) {
    const message = receiveMessage(packets.number);
    if (typeof message !== 'number') for (const descriptor of message.descriptors) closeAtOnce(descriptor);
  }
  packets.close();
}

/** A broker that lives can set the option again in between. Then its own thread waits. */
function closeAtOnce(descriptor: OwnedFd): void {
  const off =
    /* protects: G13 no connection of a broker lingers when it is closed => new Uint8Array() */ NO_LINGER;
  writeOption(descriptor.number, SOL_SOCKET, SO_LINGER, off);
  descriptor.close();
}

function resultOf({ connect, setMode, answer, mark, socketPath }: ConnectOrder & LaneOrder): number | 'host' {
  if (connect !== undefined) return carryOut(connect);
  if (setMode !== undefined) return changeMode(setMode);
  if (mark !== undefined) return setSocketMark(mark.socket, mark.mark);
  if (socketPath !== undefined) return openFile(socketPath);
  return answer === undefined ? 0 : answerCaller(answer);
}

/** @returns the number of the file, or minus errno */
function openFile(path: string): number {
  const file = openSocketFile(path);
  return typeof file === 'number' ? file : file.release();
}

function carryOut(order: NonNullable<ConnectOrder['connect']>): number | 'host' {
  const { id, session, root, diag, scratch, socket, target } = order;
  if (!isOfSandbox(socket, diag)) return -EACCES;
  const listeners = sandboxes.get(session) ?? new SandboxListeners(diag, scratch);
  sandboxes.set(session, listeners);
  try {
    return /* protects: G14 unix orders: the thread connects with the plugin's ids (as root) => ((withThreadIds) => $&)((_, work) => work(undefined)) */ withThreadIds(
      id,
      (asRoot) => connectInside({ root, listeners, readsProc: asRoot }, socket, target),
    );
  } catch {
    return -EACCES;
  }
}

function changeMode({ id, root, change }: NonNullable<LaneOrder['setMode']>): number {
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
