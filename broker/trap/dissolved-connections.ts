// What a connection has carried is counted in its socket, and the kernel sets these counts to 0 when it dissolves the connection: in connect(2) on a
// socket whose connection is over, and in close(2) after SO_LINGER without a time. Its report of the end says nothing then. Runs in the broker.
// - connect(2): the broker makes the call in the caller's place, and reads the counts before.
// - SO_LINGER: nobody can read them during a close(2). So the kernel never resets a connection whose bytes are limited: the broker does. It keeps a
//   duplicate of the socket, looks whether the program still has its descriptor, and reads, counts and resets once that is gone.
// A socket may be another plugin's: a UNIX socket can pass it on. Then the limits of the plugin count that got the connection from postern.
import { duplicate } from '../../shared/sys/fcntl.js';
import { resetConnection } from '../../shared/sys/held-sockets.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { readIntOption, SO_LINGER, SOL_SOCKET, writeOption } from '../../shared/sys/socket.js';
import { socketCookie, TCP_STATE, tcpAccount, tcpState } from '../../shared/sys/socket-state.js';
import { type CallerProcesses, type HeldSocket, processOfThread } from '../caller/caller-processes.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import { hasQuota } from '../ledger/byte-sums.js';
import { firstOf } from '../ledger/register.js';
import type { Plugin, Services } from '../request/plugin.js';

/** How often the broker looks whether a program has closed a connection that is to be reset then, and how many of a sandbox it looks at each time. */
const RESET_LOOK_MS = 20;
const RESETS_LOOKED_AT = 64;

const NO_LINGER = new Uint8Array(8);

/** Makes a connect(2) that may dissolve what is left of a connection. @param call returns the result of connect(2) */
export function dissolve(services: Services, fd: number, call: () => number): number {
  const account = tcpAccount(fd);
  const result = call();
  if (tcpState(fd) === TCP_STATE.CLOSE) {
    const cookie = socketCookie(fd);
    // protects: G22 quota: a connect that dissolves a connection is counted before
    makerOf(services, cookie)?.connections?.socketEnded(cookie, account);
  }
  return result;
}

/** The plugin that got a connection from postern. */
function makerOf({ plugins }: Services, cookie: bigint): Plugin | undefined {
  return [...plugins.values()].find(({ connections }) => connections?.has(cookie));
}

interface KeptReset extends HeldSocket {
  readonly socket: OwnedFd;
}

/** Connections of one sandbox whose programs want a reset at close(2), where their bytes are limited. */
export class Resets {
  readonly #services: Services;
  readonly #plugin: Plugin;
  readonly #processes: CallerProcesses;
  /** By cookie. The one with the oldest look comes first. */
  readonly #kept = new Map<bigint, KeptReset>();
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #closed = false;

  /** @param processes those of the sandbox */
  constructor(services: Services, plugin: Plugin, processes: CallerProcesses) {
    this.#services = services;
    this.#plugin = plugin;
    this.#processes = processes;
  }

  /**
   * A program sets SO_LINGER.
   *
   * @param socket a duplicate of its own
   * @param resets whether it wants a reset
   * @returns whether that is done here, and not by the kernel
   */
  set(call: TrappedCall, socket: OwnedFd, resets: boolean): boolean {
    const cookie = socketCookie(socket.number);
    const maker = makerOf(this.#services, cookie);
    if (maker === undefined || !hasQuota(maker.limits)) return false;
    this.#forget(cookie);
    if (resets) this.keep(call, socket);
    return true;
  }

  /**
   * A program may have set it before it connected.
   *
   * @param socket with the options of its own, whose place it will take
   * @returns whether that is done here: call keep() once it has the socket
   */
  takeOver(socket: OwnedFd): boolean {
    if (!hasQuota(this.#plugin.limits) || readIntOption(socket.number, SOL_SOCKET, SO_LINGER) !== 1)
      return false;
    writeOption(socket.number, SOL_SOCKET, SO_LINGER, NO_LINGER);
    return true;
  }

  /** Without a descriptor left for it, or after close(), the connection ends without a reset. @param from a duplicate of the socket that the call is about */
  keep({ tid, descriptor }: TrappedCall, from: OwnedFd): void {
    if (this.#closed || !this.#plugin.descriptors.hasRoom(1)) return;
    const socket = duplicate(from.number);
    this.#plugin.descriptors.hold(socket);
    const threads = [tid, processOfThread(tid) ?? tid];
    const cookie = socketCookie(socket.number);
    this.#kept.set(cookie, { cookie, socket, descriptor, threads });
    this.#lookLater();
  }

  /** The sandbox has ended, or its trap is not served any more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const kept of [...this.#kept.values()])
      this.#services.guard.watch(this.#plugin.stall, () => {
        if (!this.#processes.stillHas(kept, kept.cookie)) this.#reset(kept);
      });
    for (const cookie of [...this.#kept.keys()]) this.#forget(cookie);
  }

  #forget(cookie: bigint): void {
    const kept = this.#kept.get(cookie);
    this.#kept.delete(cookie);
    if (kept !== undefined) this.#services.guard.watch(this.#plugin.stall, () => kept.socket.close());
  }

  #lookLater(): void {
    if (this.#timer !== undefined || this.#looking || this.#closed || this.#kept.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#lookAtSome();
    }, RESET_LOOK_MS).unref();
  }

  /**
   * Resets connections that their programs have closed. A look takes the lock of a process, which has it for as long as it takes to free all memory of the
   * program that it was (execve(2)), also if it is ended. So the slow lane looks, for every plugin.
   */
  async #lookAtSome(): Promise<void> {
    this.#looking = true;
    const looked = firstOf(this.#kept, RESETS_LOOKED_AT).map(([, kept]) => kept);
    // Without the socket, which another thread cannot have.
    const sockets = looked.map(({ cookie, descriptor, threads }) => ({ cookie, descriptor, threads }));
    // Without a descriptor for the alarm nothing could end a step that waits.
    const held = await this.#stillHeld(sockets).catch(() => []);
    this.#looking = false;
    for (const [index, kept] of looked.entries()) {
      if (this.#kept.get(kept.cookie) !== kept) continue;
      // Any other one comes last from now on.
      this.#kept.delete(kept.cookie);
      if (held[index] === false) this.#services.guard.watch(this.#plugin.stall, () => this.#reset(kept));
      else this.#kept.set(kept.cookie, kept);
    }
    this.#lookLater();
  }

  async #stillHeld(sockets: readonly HeldSocket[]): Promise<readonly boolean[]> {
    const { slowLane } = this.#services;
    // protects: G9 the main thread takes no lock of a process to look for a reset => return sockets.map((one) => this.#processes.stillHas(one, one.cookie));
    return slowLane.stillHeld(this.#plugin.stall, sockets);
  }

  #reset({ cookie, socket }: KeptReset): void {
    this.#kept.delete(cookie);
    using reset = socket;
    const account = tcpAccount(reset.number);
    resetConnection(reset.number);
    // protects: G22 quota: a reset is counted before
    makerOf(this.#services, cookie)?.connections?.socketEnded(cookie, account);
  }
}
