// What outlives a broker, one class for each: the ends of channels and traps, the notes of connections and requests, the alarm that ends a
// plugin. Runs in the supervisor, which gives them to each next broker. A broker that was taken over may have given to a plugin what it got. So each
// broker gets memory and alarms of its own, with what the former one has noted: that one is dead by then.

import { readSync, writeSync } from 'node:fs';
import { limitsBySockDiag } from '../../../shared/config/limit-forms.js';
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { PosternError } from '../../../shared/errors.js';
import {
  CHANNELS_PER_PLUGIN,
  CONNECTIONS_MEMORY_BYTES,
  NOTIFIED_CALLS,
  REQUEST_MARKS,
} from '../../../shared/limits.js';
import { type ConnectionsPacket, MARK_OF_END, type SandboxPacket } from '../../../shared/protocol/link.js';
import { setPipeSize } from '../../../shared/sys/fcntl.js';
import { SystemError } from '../../../shared/sys/libc.js';
import { createMemoryFile, renewMemoryFile } from '../../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { makePipe, type Pipe } from '../../../shared/sys/pipe.js';
import { NOTIFICATION_BYTES } from '../../../shared/sys/seccomp-notify.js';
import {
  nameForGood,
  packetSocketPair,
  readableNow,
  setSendBuffer,
  shutDown,
} from '../../../shared/sys/socket.js';
import { openEndedSockets, SocketDiag } from '../../../shared/sys/socket-diag.js';
import { makeTimer } from '../../../shared/sys/timerfd.js';
import { READABLE, Watch } from '../../../shared/sys/uv-poll.js';
import { shortageIn } from '../../host/shortage.js';
import { closeElsewhere } from '../orders/close-elsewhere.js';

const CONNECTIONS = 'postern-connections';
const CALLS = 'postern-calls';
const CALLS_BYTES = NOTIFIED_CALLS * NOTIFICATION_BYTES;
const MARKS = 'postern-marks';

/** A request that waits in the pipe of a channel takes one page. */
const REQUEST_PIPE_BYTES = 64 * 4096;
/** SO_SNDBUF of the broker's reply socket. It bounds the descriptors in flight to a plugin that does not receive. */
const REPLY_SEND_BUFFER_BYTES = 16_384;

// Makes a plugin's channel: a packet-mode pipe for requests and a packet socket for replies, with both ends of each.

export interface Channel {
  readonly plugin: { readonly request: OwnedFd; readonly reply: OwnedFd };
  readonly broker: { readonly request: OwnedFd; readonly reply: OwnedFd };
}

export function makeChannel(): Channel {
  const requests = makePipe(/* protects: G8 supervisor: requests come in packets */ { packet: true });
  // Each packet takes a page, so the default pipe holds 16. That is enough where the user's share of pipe pages is used up.
  setPipeSize(requests.write.number, REQUEST_PIPE_BYTES);
  const [broker, plugin] = replySockets(requests);
  return {
    plugin: { request: requests.write, reply: plugin },
    broker: { request: requests.read, reply: broker },
  };
}

/** @param requests closed where there is no descriptor left for the sockets */
function replySockets(requests: Pipe): readonly [OwnedFd, OwnedFd] {
  try {
    const [broker, plugin] = packetSocketPair();
    nameForGood(plugin.number);
    setSendBuffer(broker.number, REPLY_SEND_BUFFER_BYTES);
    return [broker, plugin];
  } catch (error) {
    requests.read.close();
    requests.write.close();
    throw error;
  }
}

// Keeps the broker's ends of every channel in the supervisor, for the next broker.

/** A kept channel, under the session number that both sides use. */
export interface KeptChannel {
  readonly session: number;
  readonly plugin: string;
  readonly request: OwnedFd;
  readonly reply: OwnedFd;
  /** Its run has ended. It is kept until a broker has ended it: that closes its ends last. */
  over: boolean;
}

interface OpenedChannel {
  readonly kept: KeptChannel;
  readonly ends: Channel['plugin'];
}

export class ChannelKeeper {
  readonly #kept = new Map<number, KeptChannel>();
  /** Sessions whose end the running broker has not reported. */
  #unended = new Set<number>();
  /** Sessions that some broker has had. */
  readonly #given = new Set<number>();
  #next = 1;

  /** Makes a channel for a run. @returns as {@link open} does @throws PosternError `launch_failed` where too many of former runs are left */
  openFirst(plugin: string): OpenedChannel {
    // protects: G8 former runs leave no more channels than a plugin may have
    if (this.#countOf(plugin) >= CHANNELS_PER_PLUGIN)
      throw new PosternError(
        'launch_failed',
        `Cannot start "${plugin}": others hold ${CHANNELS_PER_PLUGIN} channels of its former runs, with connections that wait there`,
        { fix: 'stop the plugins that it passes descriptors to' },
      );
    return this.open(plugin);
  }

  /** Makes a channel and keeps the broker's ends. @returns with the plugin's ends, owned by the caller */
  open(plugin: string): OpenedChannel {
    const channel = makeChannel();
    const kept = { session: this.#next, plugin, ...channel.broker, over: false };
    this.#next += 1;
    this.#kept.set(kept.session, kept);
    this.#unended.add(kept.session);
    return { kept, ends: channel.plugin };
  }

  /** As {@link open}. @returns undefined where this process has no descriptor left */
  tryOpen(plugin: string): OpenedChannel | undefined {
    try {
      return this.open(plugin);
    } catch (error) {
      if (!(error instanceof Error) || shortageIn(error.message) === undefined) throw error;
      return undefined;
    }
  }

  /** A broker gets the channel. @returns whether a former one had it */
  give(session: number): boolean {
    const had = /* protects: G13 a channel that no broker had is not resumed => true */ this.#given.has(
      session,
    );
    this.#given.add(session);
    return had;
  }

  all(): readonly KeptChannel[] {
    return [...this.#kept.values()];
  }

  /** The broker reports an end. @returns whether it is the first report, about a session that it had */
  ended(session: number): boolean {
    this.letGo(session);
    return this.#unended.delete(session);
  }

  /** A new broker gets the kept channels, and no others. */
  restart(): void {
    this.#unended = new Set(this.#kept.keys());
  }

  /**
   * Whether a broker may ask for another channel of a plugin, in a session. The broker checks this first, unless it was taken over: so the line
   * about it is not trusted.
   */
  mayOpen(plugin: string, session: number): boolean {
    const asked = this.#kept.get(session);
    return (
      asked?.plugin === plugin &&
      !asked.over &&
      /* protects: G8 a broker opens no more than a plugin's channels => this.#countOf(plugin) >= 0 */ this.#countOf(
        plugin,
      ) < CHANNELS_PER_PLUGIN
    );
  }

  #countOf(plugin: string): number {
    return this.all().filter((kept) => kept.plugin === plugin).length;
  }

  /** A run of the plugin has ended. */
  endRun(plugin: string): void {
    // protects: G7 a further broker ends what a run has left that is over
    for (const kept of this.#kept.values()) if (kept.plugin === plugin) kept.over = true;
  }

  /** Ends a channel for all holders of its ends. */
  drop(session: number): void {
    const kept = this.#kept.get(session);
    if (kept === undefined) return;
    shutDown(kept.reply.number);
    this.letGo(session);
  }

  /** Closes the ends of a channel that the broker has ended. The broker closes its own ends last, since a plugin can block the last close. One that was taken over does not. */
  letGo(session: number): void {
    const kept = this.#kept.get(session);
    if (kept === undefined) return;
    this.#kept.delete(session);
    this.#given.delete(session);
    // protects: G13 what a broker left in a channel is closed by another process => kept.request.close(); kept.reply.close();
    closeElsewhere(kept.request, kept.reply);
  }
}

// Keeps the memory in which the broker notes the open connections of each plugin, and the kernel's reports of ended ones, so that the next broker
// goes on with both. The memory of a plugin that is gone is kept until its last connection has ended. Runs in the supervisor, which believes neither. A
// broker that was taken over can make its socket of reports deaf for good, by a filter or by bind(2). So the next one takes what has come there, and
// then has its own.

export interface KeptConnections {
  readonly packet: ConnectionsPacket;
  readonly memory: OwnedFd;
}

export class ConnectionsKeeper {
  readonly #kept = new Map<string, KeptConnections>();
  /** Of plugins that are gone, by number. */
  readonly #left = new Map<number, KeptConnections>();
  #next = 1;
  /** The kernel's reports. Undefined if it makes none. */
  #reports: OwnedFd | undefined = openReports();

  /** @returns what a running broker needs to know; undefined if it knows it, or if nothing is kept */
  keep(plugin: string): KeptConnections | undefined {
    if (this.#reports === undefined || this.#kept.has(plugin)) return undefined;
    const memory = createMemoryFile(CONNECTIONS, CONNECTIONS_MEMORY_BYTES);
    const kept: KeptConnections = { packet: { type: 'connections', plugin }, memory };
    this.#kept.set(plugin, kept);
    return kept;
  }

  all(): readonly KeptConnections[] {
    return [...this.#kept.values(), ...this.#left.values()];
  }

  /** Before a new broker gets all of it. */
  renewMemory(): void {
    for (const all of [this.#kept, this.#left] as readonly Map<unknown, KeptConnections>[])
      for (const [key, kept] of all)
        all.set(key, {
          ...kept,
          memory:
            /* protects: G22 accounts: who has a former broker's register changes nothing of the next one's => kept.memory */ renewMemoryFile(
              kept.memory,
              CONNECTIONS,
              CONNECTIONS_MEMORY_BYTES,
            ),
        });
  }

  /** For a new broker. @returns its own socket of reports, and the former one with what nobody has taken, owned by the caller */
  renewReports(): { readonly reports: OwnedFd; readonly former?: OwnedFd } | undefined {
    const former = this.#reports;
    if (former?.open !== true) return undefined;
    const reports =
      /* protects: G22 accounts: a broker cannot make its successor deaf => undefined */ openReports();
    // No descriptor is left.
    if (reports === undefined) return { reports: former };
    this.#reports = reports;
    return { reports, former };
  }

  /** The plugin is gone. @returns the number under which a broker says that its connections have ended; undefined if nothing is kept */
  leave(plugin: string): number | undefined {
    const kept = this.#kept.get(plugin);
    if (kept === undefined) return undefined;
    this.#kept.delete(plugin);
    const left = this.#next;
    this.#next += 1;
    // protects: G22 a further broker ends what a plugin that is gone has left => kept.memory.close(); return left;
    this.#left.set(left, { ...kept, packet: { ...kept.packet, left } });
    return left;
  }

  /** @param left as a broker says it */
  drop(left: number): void {
    this.#left.get(left)?.memory.close();
    this.#left.delete(left);
  }

  close(): void {
    for (const { memory } of this.all()) memory.close();
    this.#kept.clear();
    this.#left.clear();
    this.#reports?.close();
  }
}

function openReports(): OwnedFd | undefined {
  try {
    new SocketDiag().close();
    return openEndedSockets();
  } catch (error) {
    if (error instanceof SystemError) return undefined;
    throw error;
  }
}

/** @throws PosternError `no_sock_diag` where a plugin has a limit that needs it, and the kernel does not have it */
export function requireCounting(plugins: readonly PluginConfig[]): void {
  const limited = plugins.find(({ limits }) => limitsBySockDiag(limits).length > 0);
  if (limited === undefined) return;
  try {
    new SocketDiag().close();
  } catch (error) {
    const keys = limitsBySockDiag(limited.limits)
      .map((name) => `limits.${name}`)
      .join(', ');
    throw new PosternError(
      'no_sock_diag',
      `Cannot limit connections of "${limited.name}" (${keys}): ${(error as Error).message}`,
      { fix: 'load the kernel modules inet_diag and tcp_diag, or remove these limits' },
    );
  }
}

// Keeps the parts of each sandbox's trap in the supervisor, for the next broker. It also makes the memory of the calls in
// flight, in which the next broker finds the calls that the former one received.

/** What the supervisor knows about a trap. */
export interface TrapFacts {
  readonly plugin: string;
  readonly landlockDeniesTcp: boolean;
  /** st_dev of each file system of the sandbox's own. */
  readonly scratch: readonly bigint[];
  /** The plugin's uid and gid on the host, where they are not the broker's. */
  readonly pluginId: number | undefined;
  /** The plugin's notify socket, if it has one; owned by the trap. */
  readonly noticeSocket?: OwnedFd | undefined;
  /** The sandbox's pid namespace, as proc(5) names it. */
  readonly pidNamespace: string | undefined;
  /** Ends the sandbox. */
  readonly kill: () => void;
}

export interface KeptTrap extends TrapFacts {
  readonly number: number;
  /** Those that a broker gets: notifyFd, calls in flight, DNS datagrams, DNS listener, root folder, AF_UNIX questions, notify socket. It gets the last two if it needs them. */
  readonly descriptors: readonly OwnedFd[];
  readonly calls: OwnedFd;
  /** Of the descriptors: those of DNS and the notify socket. A broker that was taken over can connect them, and have them linger. */
  readonly sockets: readonly OwnedFd[];
  readonly unixDiag: OwnedFd;
  readonly root: OwnedFd;
}

export class TrapKeeper {
  readonly #kept = new Map<number, KeptTrap>();
  #next = 1;

  /** @param trap as the launcher sends it (TRAP_DESCRIPTORS); owned from here on */
  keep(trap: readonly OwnedFd[], facts: TrapFacts): KeptTrap {
    const [notifyFd, dnsDatagrams, dnsListener, unixDiag, root] = trap;
    if (
      notifyFd === undefined ||
      dnsDatagrams === undefined ||
      dnsListener === undefined ||
      unixDiag === undefined ||
      root === undefined
    )
      throw new RangeError(`A trap of ${trap.length} descriptors`);
    const calls = createMemoryFile(CALLS, CALLS_BYTES);
    const number = this.#next;
    this.#next += 1;
    const noticeSocket = facts.noticeSocket === undefined ? [] : [facts.noticeSocket];
    // Who shares this socket can take the answers to another one's questions. The supervisor itself asks where the plugin has other ids.
    const questions =
      /* protects: G16 unix orders: no broker has the socket by which the supervisor asks => [unixDiag] */ facts.pluginId ===
      undefined
        ? [unixDiag]
        : [];
    const descriptors = [notifyFd, calls, dnsDatagrams, dnsListener, root, ...questions, ...noticeSocket];
    const sockets = [dnsDatagrams, dnsListener, ...noticeSocket];
    const kept = { ...facts, number, descriptors, calls, sockets, unixDiag, root };
    this.#kept.set(number, kept);
    return kept;
  }

  /** Before a new broker gets all of it. */
  renewMemory(): void {
    for (const [number, kept] of this.#kept) {
      const calls =
        /* protects: G2 who has a former broker's memory of calls changes none of the next one's => kept.calls */ renewMemoryFile(
          kept.calls,
          CALLS,
          CALLS_BYTES,
        );
      const descriptors = kept.descriptors.map((one) => (one === kept.calls ? calls : one));
      this.#kept.set(number, { ...kept, calls, descriptors });
    }
  }

  all(): readonly KeptTrap[] {
    return [...this.#kept.values()];
  }

  get(number: number): KeptTrap | undefined {
    return this.#kept.get(number);
  }

  /** The sandbox has ended. @returns the descriptors that connects with the plugin's ids may still use, to be closed by the caller */
  drop(number: number): readonly OwnedFd[] {
    const kept = this.#kept.get(number);
    if (kept === undefined) return [];
    this.#kept.delete(number);
    const { root, unixDiag, sockets, descriptors } = kept;
    // protects: G13 what a broker made of a sandbox's sockets is closed by another process => for (const socket of sockets) socket.close();
    closeElsewhere(...sockets);
    for (const descriptor of descriptors)
      if (descriptor !== root && descriptor !== unixDiag) descriptor.close();
    return [root, unixDiag];
  }
}

// The memory in which a broker notes when each plugin last asked for something. The memory outlives the broker, which
// may have been taken over: it can blame a plugin falsely, and gains nothing, since it can ask for the end of a sandbox anyway.

const BYTES = BigUint64Array.BYTES_PER_ELEMENT;

export class MarkKeeper {
  #memory: OwnedFd = createMemoryFile(MARKS, REQUEST_MARKS * BYTES);
  readonly #numbers = new Map<string, number>();
  #free = Array.from({ length: REQUEST_MARKS }, (_, number) => REQUEST_MARKS - 1 - number);

  get memory(): OwnedFd {
    return this.#memory;
  }

  /** Before a new broker gets it. What the former one has marked says nothing about the next one's end. */
  renewMemory(): void {
    const former = this.#memory;
    // protects: G11 who has a former broker's marks blames no plugin => return;
    this.#memory = createMemoryFile(MARKS, REQUEST_MARKS * BYTES);
    former.close();
  }

  /** The number of a plugin's mark. @returns undefined if all are taken */
  numberOf(plugin: string): number | undefined {
    const number = this.#numbers.get(plugin) ?? this.#free.pop();
    if (number !== undefined) this.#numbers.set(plugin, number);
    return number;
  }

  /** Forgets a plugin. Its mark is free for another one. */
  drop(plugin: string): void {
    const number = this.#numbers.get(plugin);
    if (number === undefined) return;
    this.#numbers.delete(plugin);
    this.#free.push(number);
    writeSync(this.memory.number, new Uint8Array(BYTES), 0, BYTES, number * BYTES);
  }

  /** The plugins that asked for something since then. Or the one whose connections were about to be ended. @param time in nanoseconds, as process.hrtime.bigint() tells it */
  askedSince(time: bigint): ReadonlySet<string> {
    const marks = new BigUint64Array(REQUEST_MARKS);
    readSync(this.memory.number, marks, 0, marks.byteLength, 0);
    const asked = [...this.#numbers].filter(([, number]) => (marks[number] ?? 0n) >= time);
    const ended =
      /* protects: G11 a broker that hangs in an end blames the plugin whose connections it is about => (void MARK_OF_END, []) */ asked.filter(
        ([, number]) => marks[number] === MARK_OF_END,
      );
    return new Set((ended.length > 0 ? ended : asked).map(([plugin]) => plugin));
  }

  close(): void {
    this.memory.close();
  }
}

// A timer by which the broker asks for the end of one sandbox: it makes the timer run out. Runs in the supervisor, which does the killing. A
// broker that was taken over can end sandboxes by it, and signal no other process.

/** A sandbox that brokers may ask to end. */
export interface KeptSandbox {
  readonly alarm: EndAlarm;
  readonly facts: SandboxFacts;
}

/** See SandboxPacket. */
export type SandboxFacts = Pick<SandboxPacket, 'pidNamespace' | 'inherits'>;

export class EndAlarm {
  readonly #end: () => void;
  #timer: OwnedFd;
  #watch: Watch;

  constructor(end: () => void) {
    this.#end = end;
    this.#timer = makeTimer();
    this.#watch = this.#watchOver(this.#timer);
  }

  /** For the broker. A stray use of its number in the broker harms no other descriptor. */
  get timer(): OwnedFd {
    return this.#timer;
  }

  /** Before a new broker gets it. One that has run out already stays: its end is under way. */
  renew(): void {
    if (readableNow(this.#timer.number) === 'readable') return;
    const timer =
      /* protects: G16 who has a former broker's alarm ends no sandbox => this.#timer */ makeTimer();
    this.close();
    this.#timer = timer;
    this.#watch = this.#watchOver(timer);
  }

  #watchOver(timer: OwnedFd): Watch {
    const watch = new Watch(timer.number, () => {
      watch.close();
      // protects: G16 a sandbox is ended when the broker asks for it
      this.#end();
    });
    watch.keepAlive(false);
    watch.want(READABLE);
    return watch;
  }

  close(): void {
    this.#watch.close();
    this.#timer.close();
  }
}
