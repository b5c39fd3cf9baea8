// Ends open connections of a plugin, whichever process holds them: one of its sandbox, or of another one, to which a UNIX socket has passed it. Runs
// in the broker, which needs no privilege for it: it may take duplicates of a plugin's descriptors anyway, as for a trapped call.
// - A search reads a file of proc(5) for each descriptor, and a plugin can have millions. So it goes on in short turns, and SEARCH_MS of the
//   processor are all that one end gets. The plugin whose connections must end answers for that time. A plugin whose sandbox is searched answers for
//   a turn that takes long: fdinfo of an epoll(7) has a line for each of its entries.
// - What no process holds, and is not closed, is in a message that nobody has received, or in a call. Only the end of its sandbox ends that.
//   A connection that has carried nothing can wait: perhaps its program has still to receive it. It waits until it is used: each later end looks
//   whether it is. Where the time is too short, nothing can wait.
// - By the same search the bytes of a connection are read that is over: the kernel tells them only to its holder, and reports them at close(2).
import { setImmediate, setTimeout } from 'node:timers/promises';
import { LISTED_AT_ONCE } from '../../shared/limits.js';
import {
  type HeldDescriptor,
  holdersIn,
  processesIn,
  resetConnection,
  takeSocket,
} from '../../shared/sys/held-sockets.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { threadMilliseconds } from '../../shared/sys/process-control.js';
import type { SocketLook } from '../../shared/sys/socket-diag.js';
import { socketCookie, tcpAccount } from '../../shared/sys/socket-state.js';
import type { EndCause } from '../../shared/words.js';
import type { HeldConnection, NotedConnection, OpenRegister, Register } from '../ledger/register.js';
import { SEARCH_MS } from '../limit/vain-searches.js';
import type { Plugin, Services } from '../request/plugin.js';

/**
 * When the broker looks for the holders of connections that must end: from one look to the next. After the last one it ends the plugin. What is
 * still open then is looked for again.
 */
const REVOKE_LOOKS_MS: readonly number[] = [0, 20, 50, 100, 200, 300];
/** The files of proc(5) that a search reads before the broker turns to other work. */
const END_FILES_PER_TURN = 32;
/** Processes that a search begins with in another plugin's sandbox: the newest, in which a connection may be that hops from one to the next. */
const NEWEST_PROCESSES = 16;

/** Why a plugin is ended whose time is used up. */
const TOO_LARGE = 'its sandbox is too large to search';

/**
 * Ends open connections, without those that a former search has not found, until their pause is over or they are used for the first time.
 *
 * @param plugin that got them from postern
 * @param register that has noted them
 * @param mustEnd asked for each, in parts
 * @param clock the processor time of this thread, in ms
 * @returns whether they have ended. Those that have not may end with the plugin
 */
export async function endConnections(
  services: Services,
  plugin: Plugin,
  register: OpenRegister,
  mustEnd: (connection: NotedConnection) => boolean,
  cause: EndCause,
  clock: () => number = threadMilliseconds,
): Promise<boolean> {
  const { vainSearches } = plugin;
  const { cookies } = register;
  const end = new End(services, plugin, register, cause, clock);
  const begun = await end.noteBegun(cookies.filter((cookie) => vainSearches.isUnused(cookie)));
  const due = cookies.filter((cookie) => vainSearches.isDue(cookie));
  let left: readonly NotedConnection[] = await chosen(register, due, mustEnd);
  if (left.length === 0) return due.length === cookies.length;
  let unused: ReadonlySet<NotedConnection> | undefined;
  for (const pause of REVOKE_LOOKS_MS) {
    await setTimeout(pause);
    left = await end.endHeld(left);
    // One look is enough for these.
    unused ??= new Set(await end.unusedOf(left));
    left = left.filter((one) => unused?.has(one) !== true);
    if (left.length === 0 || end.isOver) break;
  }
  const all = [...left, ...(unused ?? [])];
  if (all.length > 0) await end.endRun(left, [...(unused ?? [])]);
  else if (begun.length > 0) end.charge();
  return all.length === 0 && due.length === cookies.length;
}

async function chosen(
  register: OpenRegister,
  cookies: readonly bigint[],
  mustEnd: (connection: NotedConnection) => boolean,
): Promise<readonly NotedConnection[]> {
  const found: NotedConnection[] = [];
  // protects: G8 an end decides on some connections in a turn of the event loop => const atOnce = cookies.length + LISTED_AT_ONCE;
  const atOnce = LISTED_AT_ONCE;
  for (let at = 0; at < cookies.length; at += atOnce) {
    await nextTurn();
    found.push(...register.noted(cookies.slice(at, at + atOnce)).filter(mustEnd));
  }
  return found;
}

/**
 * Counts what connections have carried that are over, and that a process holds.
 *
 * @returns the processor time that it took, in ms
 */
export async function countOver(
  services: Services,
  plugin: Plugin,
  register: Pick<Register, 'has' | 'total'> & OpenRegister,
  over: readonly HeldConnection[],
): Promise<number> {
  const end = new End(services, plugin, register, undefined, threadMilliseconds);
  const left = await end.find(over);
  // Takes the reports of those that were closed meanwhile.
  register.total();
  await end.endRun(left.filter(({ cookie }) => register.has(cookie)));
  return end.searchedMs;
}

class End {
  readonly #services: Services;
  readonly #plugin: Plugin;
  readonly #register: OpenRegister;
  /** Undefined: the connections are over, and are counted. */
  readonly #cause: EndCause | undefined;
  readonly #clock: () => number;
  /** Whose files the search reads now. */
  #searched: Plugin;
  searchedMs = 0;

  constructor(
    services: Services,
    plugin: Plugin,
    register: OpenRegister,
    cause: EndCause | undefined,
    clock: () => number,
  ) {
    this.#services = services;
    this.#plugin = plugin;
    this.#searched = plugin;
    this.#register = register;
    this.#cause = cause;
    this.#clock = clock;
  }

  /** Its time is used up. */
  get isOver(): boolean {
    return (
      /* protects: G8 an end has a time => this.searchedMs > 1_000 * SEARCH_MS */ this.searchedMs > SEARCH_MS
    );
  }

  /** Notes those that wait no longer. @param unused those that wait until they are used @returns those that are by now, or whose run has ended. Each is one once */
  async noteBegun(unused: readonly bigint[]): Promise<readonly bigint[]> {
    const waiting = await chosen(this.#register, unused, () => true);
    const former = waiting.filter((one) => !this.#isOfRun(one));
    const begun = [...former, ...(await this.#used(waiting))].map(({ cookie }) => cookie);
    // protects: G22 what was hidden unused ends as soon as it is used => void begun;
    this.#plugin.vainSearches.noteUsed(begun);
    return begun;
  }

  /** Of these, those of its run that have carried nothing. */
  async unusedOf(connections: readonly NotedConnection[]): Promise<readonly NotedConnection[]> {
    const used = new Set(await this.#used(connections));
    return connections.filter((one) => this.#isOfRun(one) && !used.has(one));
  }

  /** The search of those that have begun counts, though it was not in vain. */
  charge(): void {
    // protects: G8 a search that does not wait counts => void this.searchedMs;
    if (this.#plugin.vainSearches.charge(this.searchedMs)) this.#endPlugin(undefined, TOO_LARGE);
  }

  /** @returns those that are still open */
  async endHeld(wanted: readonly NotedConnection[]): Promise<readonly NotedConnection[]> {
    const open = await this.#openOf(wanted);
    if (open.length === 0) return [];
    return (await this.#openOf(await this.find(open))).map(({ connection }) => connection);
  }

  /** @returns those that it has not found */
  async find(wanted: readonly HeldConnection[]): Promise<readonly NotedConnection[]> {
    const byCookie = new Map(wanted.map(({ connection }) => [connection.cookie, connection]));
    // protects: G8 an end begins with what the broker itself still has => void this.#endKept;
    await this.#work(() => this.#endKept(byCookie));
    this.#searched = this.#plugin;
    const files = this.#filesAbout(wanted);
    try {
      while (byCookie.size > 0 && !this.isOver)
        if (await this.#work(() => this.#endSome(files, byCookie), this.#searched)) break;
    } finally {
      files.return(undefined);
    }
    return [...byCookie.values()];
  }

  /** What no process holds ends with the run of its plugin, if that can have it. @param unused those that wait until they are used */
  async endRun(left: readonly NotedConnection[], unused: readonly NotedConnection[] = []): Promise<void> {
    const all = [...left, ...unused];
    if (all.length === 0) return;
    const { vainSearches } = this.#plugin;
    const cookies = all.map(({ cookie }) => cookie);
    const isSpent =
      /* protects: G8 a plugin whose searches are in vain has a time => $& && false */ vainSearches.note(
        cookies,
        this.searchedMs,
      ) || this.isOver;
    vainSearches.noteUnused(unused.map(({ cookie }) => cookie));
    const ending = isSpent ? all.filter((one) => this.#isOfRun(one)) : await this.#used(left);
    const [first] = ending;
    if (first === undefined || this.#plugin.stall.hasEnded) return;
    if (this.#cause !== undefined) this.#register.endWithPlugin(ending, this.#cause);
    this.#endPlugin(first, isSpent ? TOO_LARGE : 'no process holds it');
  }

  /** What is left of a former run has outlived its processes: another plugin hides it. */
  #isOfRun({ since }: NotedConnection): boolean {
    return (
      /* protects: G8 a run of a plugin is not ended for what a former one has given away => true */ since >=
      (this.#plugin.runsSince ?? 0)
    );
  }

  #endPlugin(connection: NotedConnection | undefined, why: string): void {
    if (this.#plugin.stall.hasEnded) return;
    const what = this.#cause === undefined ? 'is over and must be counted' : `must end (${this.#cause})`;
    process.stderr.write(
      `postern: broker: plugin ${this.#plugin.name}: a connection to ${connection?.description?.host ?? 'a host'} ${what}, and ${why}: the plugin is ended\n`,
    );
    // protects: G7 what no process holds ends with its plugin
    this.#plugin.stall.end();
  }

  /** One that is over may wait for its program too: until it is counted, the plugin gets no other one. */
  async #used(connections: readonly NotedConnection[]): Promise<readonly NotedConnection[]> {
    if (this.#cause === undefined) return [];
    const ofRun = connections.filter((one) => this.#isOfRun(one));
    return (await this.#look(ofRun, true)).flatMap(([connection, look]) =>
      /* protects: G8 a plugin is not ended for a connection that it has not used => (void isUnused, void look, false) */ isUnused(
        look,
      )
        ? []
        : [connection],
    );
  }

  /** Those that a process holds, or that wait in a message. What a program has closed cannot be ended, and carries no more of its words. */
  async #openOf(connections: readonly NotedConnection[]): Promise<readonly HeldConnection[]> {
    const looks = await this.#look(connections, false);
    return looks.flatMap(([connection, look]) =>
      look?.kind === 'there' && look.inode !== 0 ? [{ connection, inode: look.inode }] : [],
    );
  }

  async #look(
    connections: readonly NotedConnection[],
    accounts: boolean,
  ): Promise<readonly (readonly [NotedConnection, SocketLook | undefined])[]> {
    const looked: (readonly [NotedConnection, SocketLook | undefined])[] = [];
    // protects: G8 an end looks at some connections in a turn of the event loop => const atOnce = connections.length + LISTED_AT_ONCE;
    const atOnce = LISTED_AT_ONCE;
    for (let at = 0; at < connections.length; at += atOnce) {
      const part = connections.slice(at, at + atOnce);
      const looks = await this.#work(() => this.#register.look(part, accounts));
      looked.push(...part.map((connection, index) => [connection, looks[index]] as const));
    }
    return looked;
  }

  /**
   * Works in a turn of the event loop that no other search has.
   *
   * @param searched whose files are read. It answers for this turn if that takes long: a file can have millions of lines, and a thread of the
   *   holder can have the lock of a socket
   */
  async #work<T>(work: () => T, searched: Plugin = this.#plugin): Promise<T> {
    await nextTurn();
    const began = this.#clock();
    const { stall } =
      /* protects: G9 a sandbox answers for a file that takes a search long => this.#plugin */ searched;
    try {
      return this.#services.guard.watch(stall, () => this.#plugin.ending(work));
    } finally {
      this.searchedMs += this.#clock() - began;
    }
  }

  #endKept(byCookie: Map<bigint, NotedConnection>): void {
    for (const kept of [...this.#plugin.kept]) {
      if (!kept.socket.open) continue;
      const connection = byCookie.get(socketCookie(kept.socket.number));
      if (connection === undefined) continue;
      kept.cancel();
      this.#end(kept.socket, connection, byCookie);
    }
  }

  /** @returns whether no file is left */
  #endSome(files: Iterator<HeldDescriptor | undefined>, byCookie: Map<bigint, NotedConnection>): boolean {
    let left =
      /* protects: G8 an end pauses after some files, also within a process => 1_000 * END_FILES_PER_TURN */ END_FILES_PER_TURN;
    for (; left > 0 && byCookie.size > 0; left -= 1) {
      const searched = this.#searched;
      const { done, value } = files.next();
      if (done === true) return true;
      // The next file is another plugin's, and waits for the next turn.
      if (this.#searched !== searched) return false;
      const taken = value && takeSocket(value);
      if (taken === undefined) continue;
      using socket = taken.socket;
      const connection = byCookie.get(taken.cookie);
      if (connection !== undefined) this.#end(socket, connection, byCookie);
    }
    return false;
  }

  #end(socket: OwnedFd, connection: NotedConnection, byCookie: Map<bigint, NotedConnection>): void {
    byCookie.delete(connection.cookie);
    const account = tcpAccount(socket.number);
    if (this.#cause !== undefined) resetConnection(socket.number);
    this.#register.ended(connection, account, this.#cause);
  }

  /** The files of all sandboxes. First come the processes that made the connections, and then the others of the plugin: most connections are there. */
  *#filesAbout(open: readonly HeldConnection[]): Generator<HeldDescriptor | undefined> {
    const inodes = new Set(open.map(({ inode }) => inode));
    const makers = new Set(open.map(({ connection }) => connection.description?.pid));
    const { plugins } = this.#services;
    const owners = new Map<string, Plugin>();
    for (const one of [/* protects: G22 an end searches every sandbox */ ...plugins.values(), this.#plugin])
      if (one.pidNamespace !== undefined) owners.set(one.pidNamespace, one);
    const found: Ranked[] = [];
    for (const process of processesIn(owners)) {
      yield undefined;
      if (process === undefined) continue;
      const { pid, owner } = process;
      found.push({ pid, owner, rank: makers.has(pid) ? 0 : owner === this.#plugin ? 1 : 2 });
    }
    for (const { pid, owner } of inOrder(found)) {
      if (owner !== this.#searched) {
        this.#searched = owner;
        yield undefined;
      }
      yield* holdersIn(pid, inodes);
    }
  }
}

let lastTurn: Promise<void> = Promise.resolve();

/** However many searches there are, one of them works in each turn of the event loop. They take turns. */
function nextTurn(): Promise<void> {
  // protects: G8 one end works in each turn of the event loop => lastTurn = setImmediate();
  lastTurn = lastTurn.then(() => setImmediate());
  return lastTurn;
}

interface Ranked {
  readonly pid: number;
  readonly owner: Plugin;
  readonly rank: number;
}

/** In each rank the newest come first, and the others from somewhere, so that no process is always one of those for which there is no time. */
function inOrder(found: readonly Ranked[]): readonly Ranked[] {
  return [0, 1, 2].flatMap((rank) => {
    const pids = found.filter((one) => one.rank === rank).sort((one, other) => other.pid - one.pid);
    const rest = pids.slice(NEWEST_PROCESSES);
    const start = Math.floor(Math.random() * rest.length);
    return [...pids.slice(0, NEWEST_PROCESSES), ...rest.slice(start), ...rest.slice(0, start)];
  });
}

/** It has carried nothing in either direction. */
function isUnused(look: SocketLook | undefined): boolean {
  if (look?.kind !== 'there') return look?.kind === 'gone';
  const { account } = look;
  return account?.receivedBytes === 0 && (account.writtenBytes === 0 || !account.established);
}
