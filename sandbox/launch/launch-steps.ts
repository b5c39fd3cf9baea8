// The small steps of the launcher, in the order that main.ts takes them: spec, network, terminal, descriptors, limits. Runs inside the sandbox,
// before the program.

import { spawnSync } from 'node:child_process';
import { openSync, writeFileSync } from 'node:fs';
import { LIMIT_FORMS, type Limits } from '../../shared/config/limit-forms.js';
import { PosternError } from '../../shared/errors.js';
import { GATEWAY_BLOCK } from '../../shared/gateway.js';
import { parseAddress } from '../../shared/policy/address.js';
import { SANDBOX_ADDRESSES } from '../../shared/sandbox-places.js';
import { boundDatagramSocket, listeningSocket } from '../../shared/sys/datagram.js';
import { duplicate, duplicateOnto, keepAcrossExec, setCloseOnExecFrom } from '../../shared/sys/fcntl.js';
import { succeed } from '../../shared/sys/libc.js';
import { readSealedFile } from '../../shared/sys/memory-file.js';
import { type Message, receiveMessage, sendMessage } from '../../shared/sys/message.js';
import {
  addLoopbackAddresses,
  addLoopbackBlock,
  bringLoopbackUp,
} from '../../shared/sys/network-interface.js';
import { OwnedFd } from '../../shared/sys/owned-fd.js';
import { getLimit, leaveSpecialPriority, lowerLimit, RLIMIT } from '../../shared/sys/rlimit.js';
import {
  openTerminalPair,
  setTerminalModes,
  setWindowSize,
  type TerminalPair,
  takeControllingTerminal,
} from '../../shared/sys/terminal.js';
import { SYSTEM_PATH } from '../host/find-program.js';
import type { GatewayPlace, LaunchSpec, SpecHeader, TerminalSpec } from './spec.js';

// Sends the launcher's hello and receives the spec. The hello's credentials give the supervisor this process's pid on the host.

interface ReceivedSpec {
  readonly spec: LaunchSpec;
  readonly passed: readonly OwnedFd[];
  readonly trees: readonly OwnedFd[];
}

/** Sends the hello and waits for the spec. Ends the process silently where the supervisor is gone. */
export function receiveSpec(socket: number): ReceivedSpec {
  succeed(sendMessage(socket, new TextEncoder().encode('hello'), [], true), 'sendmsg');
  const { payload, descriptors } = receive(socket);
  const header = JSON.parse(new TextDecoder().decode(payload)) as SpecHeader;
  const [file, ...others] = descriptors;
  if (file === undefined) throw new PosternError('spec', 'The launch spec arrived without its file');
  const bytes = readSealedFile(file.number);
  if (bytes === undefined)
    throw new PosternError('spec', 'The launch spec arrived in a file that is not sealed against changes');
  const spec = JSON.parse(new TextDecoder().decode(bytes)) as LaunchSpec;
  file.close();
  return { spec, passed: others.slice(0, header.passed), trees: others.slice(header.passed) };
}

function receive(socket: number): Message {
  const message = receiveMessage(socket, undefined, true);
  if (typeof message === 'number') succeed(message, 'recvmsg');
  else if (message.payload.length === 0) process.exit(125);
  else if (message.truncated) throw new PosternError('spec', 'The launch spec arrived truncated');
  else return message;
  throw new PosternError('spec', 'No launch spec');
}

// Maps a user's ids into the sandbox's user namespace: the one uid and gid that can be mapped, user_namespaces(7). Not unshare(1) does so: while no id is
// mapped, a program that init or launcher executes is closed to the broker (closed-programs.ts).

export function mapOwnIds({ uid, gid }: { readonly uid: number; readonly gid: number }): void {
  writeFileSync('/proc/self/setgroups', 'deny');
  writeFileSync('/proc/self/uid_map', `${uid} 0 1`);
  writeFileSync('/proc/self/gid_map', `${gid} 0 1`);
}

// Moves the plugin's descriptors to the numbers that it expects, and keeps all others from it.

/**
 * @param launchSocket the socket to the supervisor, which is moved out of the way
 * @param passed standard streams, listeners, request pipe, reply socket, in the order of their final numbers
 * @param documented how many descriptors the plugin keeps, from 0 on
 * @returns the launch socket's new number; execve closes it
 */
export function arrangeDescriptors(
  launchSocket: number,
  passed: readonly OwnedFd[],
  documented: number,
): number {
  if (passed.length !== documented)
    throw new RangeError(`${passed.length} descriptors for ${documented} places`);
  // Only numbers above the plugin's: a low hard limit has few.
  const aside = duplicate(launchSocket, documented).release();
  const moved = passed.map((descriptor) => duplicate(descriptor.number, documented).release());
  for (const [place, descriptor] of moved.entries()) duplicateOnto(descriptor, place);
  // Marked close-on-exec, not closed: Node's worker threads still write to their descriptors. A write to a closed one would end
  // the process, and a write to a reused one would reach the plugin.
  // protects: G15 no descriptor but the documented ones (with: the broker gets no descriptor of postern's starter; job control keeps no descriptor)
  setCloseOnExecFrom(documented);
  return aside;
}

// Sets up the network of the sandbox: a loopback interface with one more address of each family. Forbids further namespaces.

/** getaddrinfo(3) needs the further addresses, see sandbox-places.ts. */
export function isolateNetwork(): void {
  bringLoopbackUp();
  addLoopbackAddresses([SANDBOX_ADDRESSES.v4, SANDBOX_ADDRESSES.v6].map(bytesOf));
}

function bytesOf(text: string): Uint8Array {
  return parseAddress(text)?.bytes ?? new Uint8Array();
}

/** @param proc a writable one; it is closed */
export function openNamespaceLimit(proc: OwnedFd): OwnedFd {
  const limit = openSync(`/proc/self/fd/${proc.number}/sys/user/max_user_namespaces`, 'w');
  proc.close();
  return new OwnedFd(limit);
}

/** A user namespace made inside would bring back all capabilities, and with them more of the kernel to attack. */
export function forbidUserNamespaces(limit: OwnedFd): void {
  // protects: G10 launch: no user namespace inside
  writeFileSync(limit.number, '0');
  limit.close();
}

// Binds the sockets of the sandbox's DNS server. The broker serves them, and from execve on only the broker holds them.

const LOOPBACK = new Uint8Array([127, 0, 0, 1]);
const PORT = 53;
const BACKLOG = 16;

/** Bound to the address in /etc/resolv.conf: an answer then comes from the address that was asked. */
export function openNameService(): readonly [datagrams: OwnedFd, listener: OwnedFd] {
  return [
    boundDatagramSocket({ bytes: LOOPBACK, port: PORT }),
    listeningSocket({ bytes: LOOPBACK, port: PORT }, BACKLOG),
  ];
}

// Opens the listeners of the plugin's gateway, which is a process in another sandbox. Nobody but the processes of this sandbox can connect to them.

const GATEWAY_BACKLOG = 128;

/** From execve on only the supervisor and the gateway hold them. */
export function openGateway(places: readonly GatewayPlace[]): readonly OwnedFd[] {
  if (places.length === 0) return [];
  addLoopbackBlock(Uint8Array.from(GATEWAY_BLOCK.bytes), GATEWAY_BLOCK.bits);
  return places.map(({ address, port }) =>
    listeningSocket({ bytes: bytesOf(address), port }, GATEWAY_BACKLOG),
  );
}

// Makes the plugin's terminal: a pseudo-terminal of the sandbox's own devpts, which no other process of the host can open. Runs in the
// launcher, which leads its session. The supervisor gets the master.

export function openTerminal({ modes, size }: TerminalSpec): TerminalPair {
  const pair = openTerminalPair();
  setTerminalModes(pair.slave.number, Buffer.from(modes, 'base64'));
  setWindowSize(pair.slave.number, Buffer.from(size, 'base64'));
  takeControllingTerminal(pair.slave.number);
  return pair;
}

// Lets Ctrl-Z stop the plugin. The kernel does not stop a process group by SIGTSTP if all parents are outside of its session (orphaned, see
// setpgid(2)), and the plugin's parent is the supervisor. So one process in the plugin's group gets a parent in the session. These processes
// only sleep. Runs in the launcher, right before it becomes the plugin: they have the plugin's filters, and no capability.

/**
 * The first sleep(1) stays in the plugin's group. Its parent becomes timeout(1), which makes a group for itself and then runs a program: that
 * one says so, and the script ends. A Ctrl-Z before would stop nothing. Neither is a child of the plugin's, which may wait for all of its
 * children. They ignore what the terminal sends to the group.
 */
const SCRIPT = `
trap '' HUP INT QUIT TERM USR2 PIPE ALRM TSTP TTIN TTOU
trap exit USR1
(
  trap '' USR1
  sleep 2147483647 &
  exec timeout 0 sh -c "kill -USR1 $$; exec sleep 2147483647"
) &
wait
`;

/**
 * Without sh(1) or coreutils inside, or within narrow limits, Ctrl-Z does not stop the plugin.
 *
 * @param documented how many descriptors the plugin keeps, from 0 on. None of them is for these processes
 */
export function keepJobControl(documented: number): void {
  // test point: job control keeps no descriptor
  setCloseOnExecFrom(0);
  spawnSync('/bin/sh', ['-c', SCRIPT], { stdio: 'ignore', env: { PATH: SYSTEM_PATH }, cwd: '/' });
  for (let fd = 0; fd < documented; fd += 1) keepAcrossExec(fd);
}

// Sets the plugin's resource limits, setrlimit(2). They cannot be raised inside: that takes CAP_SYS_RESOURCE outside.

/** A process that goes on after SIGXCPU is killed this much later. */
const CPU_GRACE_SECONDS = 1;

/** The kernel's own default, MLOCK_LIMIT. */
const LOCKED_BYTES = 8n << 20n;

/** The kernel counts signals and queues for the user who owns the sandbox: they would be missing to that user's programs and to other plugins. */
const PENDING_SIGNALS = 1024n;
/** Room for a queue of the default size, mq_overview(7). */
const QUEUE_BYTES = 128n << 10n;

/** Limits that the launcher itself can bear. */
export function setLimits({ cpuSeconds, fileMib }: Limits): void {
  // No core dump: with 0 a core_pattern that is a pipe would still get one, core(5). 1 prevents both. A hard limit of 0 stays.
  // protects: G15 limits: no core dump
  lowerLimit(RLIMIT.CORE, 1n);
  // postern's own priority, as from a systemd unit, is not meant for the plugin.
  // protects: G8 postern's own priority is not the plugin's
  leaveSpecialPriority();
  lowerLimit(RLIMIT.NICE, 0n);
  lowerLimit(RLIMIT.RTPRIO, 0n);
  lowerLimit(RLIMIT.MEMLOCK, LOCKED_BYTES);
  // protects: G8 pending signals and message queues of the plugin are limited
  lowerLimit(RLIMIT.SIGPENDING, PENDING_SIGNALS);
  lowerLimit(RLIMIT.MSGQUEUE, QUEUE_BYTES);
  // protects: G15 limits: size of a file
  if (fileMib !== undefined) lowerLimit(RLIMIT.FSIZE, bytes(fileMib));
  // protects: G15 limits: processor time
  if (cpuSeconds !== undefined)
    lowerLimit(RLIMIT.CPU, BigInt(cpuSeconds), BigInt(cpuSeconds + CPU_GRACE_SECONDS));
}

/** Set right before execve: Node itself needs more memory and threads than many plugins' limits. */
export function setLastLimits({ descriptors, memoryMib, processes }: Limits): void {
  // The kernel compares it with all descriptors in flight of the uid, when the launcher passes the trap to the supervisor.
  // protects: G15 limits: descriptors
  lowerLimit(RLIMIT.NOFILE, boundedDescriptors(BigInt(descriptors), getLimit(RLIMIT.NOFILE).hard));
  // The kernel counts in the sandbox's user namespace, from Linux 5.14 on: other sandboxes and the user's processes do not count here. They do
  // outside, against the limit of the process that made the namespace, see spawn-namespaces.ts.
  // protects: G15 limits: processes
  lowerLimit(RLIMIT.NPROC, BigInt(processes));
  if (memoryMib !== undefined)
    // protects: G15 limits: memory
    lowerLimit(RLIMIT.DATA, bytes(memoryMib));
}

/**
 * A plugin of a user has the broker's uid. A broker sends no descriptor while the uid has more in flight than its own limit, unix(7). So beyond the
 * default a plugin has half of that limit at most.
 *
 * @param hard of postern, which is the broker's too
 */
export function boundedDescriptors(wanted: bigint, hard: bigint): bigint {
  const most = [BigInt(LIMIT_FORMS.descriptors.default), hard / 2n].reduce((one, other) =>
    one > other ? one : other,
  );
  // protects: G8 limits: many descriptors are half of the broker's at most => return wanted;
  return wanted < most ? wanted : most;
}

function bytes(mib: number): bigint {
  return BigInt(mib) << 20n;
}
