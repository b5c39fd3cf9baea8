// Ends open connections of a plugin, whichever process holds them: one of its sandbox, or of another one, to which a UNIX socket has passed it. Runs
// in the broker, which needs no privilege for it: it may take duplicates of a plugin's descriptors anyway, as for a trapped call.
// - A search reads a file of proc(5) for each descriptor, and a plugin can have millions. So it goes on in short turns, and END_SEARCH_MS of the
//   processor are all that one end gets. The plugin whose connections must end answers for that time, never one whose sandbox is searched.
// - What no process holds, and is not closed, is in a message that nobody has received, or in a call. Only the end of its sandbox ends that, and so
//   it is where the time was too short. A connection that has carried nothing can wait: perhaps its program has still to receive it.
import { setImmediate, setTimeout } from 'node:timers/promises';
import { LISTED_AT_ONCE } from '../../shared/limits.js';
import {
  endConnection,
  type HeldDescriptor,
  holdersIn,
  processesIn,
  takeSocket,
} from '../../shared/sys/held-sockets.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { threadMilliseconds } from '../../shared/sys/process-control.js';
import type { SocketLook } from '../../shared/sys/socket-diag.js';
import { socketCookie, tcpAccount } from '../../shared/sys/socket-state.js';
import type { EndCause } from '../../shared/words.js';
import type { NotedConnection, OpenRegister } from '../ledger/connection-slots.js';
import type { Plugin, Services } from '../request/plugin.js';

/**
 * When the broker looks for the holders of connections that must end: from one look to the next. After the last one it ends the plugin. What is
 * still open then is looked for again.
 */
const REVOKE_LOOKS_MS: readonly number[] = [0, 20, 50, 100, 200, 300];
/**
 * Processor time in which the broker looks for the holders of connections that must end, and the files of proc(5) that it reads before it turns to other
 * work. What does not end is looked for again after a pause of so many times as long.
 */
const END_SEARCH_MS = 1_000;
const END_FILES_PER_TURN = 32;
const END_PAUSE_FACTOR = 10;

/**
 * @param plugin that got them from postern
 * @param register that has noted them
 * @param clock the processor time of this thread, in ms
 * @returns whether they have ended. Those that have not may end with the plugin
 */
export async function endConnections(
  services: Services,
  plugin: Plugin,
  register: OpenRegister,
  connections: readonly NotedConnection[],
  cause: EndCause,
  clock: () => number = threadMilliseconds,
): Promise<boolean> {
  const end = new End(services, plugin, register, cause, clock);
  let left = connections;
  for (const pause of REVOKE_LOOKS_MS) {
    await setTimeout(pause);
    left = await end.endHeld(left);
    if (left.length === 0) return true;
    if (end.isOver) break;
  }
  await end.endRun(left);
  // protects: G8 an end that does not come about takes a part of the broker's time => void END_PAUSE_FACTOR;
  await setTimeout(END_PAUSE_FACTOR * end.searchedMs, undefined, { ref: false });
  return false;
}

class End {
  readonly #services: Services;
  readonly #plugin: Plugin;
  readonly #register: OpenRegister;
  readonly #cause: EndCause;
  readonly #clock: () => number;
  searchedMs = 0;

  constructor(
    services: Services,
    plugin: Plugin,
    register: OpenRegister,
    cause: EndCause,
    clock: () => number,
  ) {
    this.#services = services;
    this.#plugin = plugin;
    this.#register = register;
    this.#cause = cause;
    this.#clock = clock;
  }

  /** Its time is used up. */
  get isOver(): boolean {
    return (
      /* protects: G8 an end has a time => this.searchedMs > 1_000 * END_SEARCH_MS */ this.searchedMs >
      END_SEARCH_MS
    );
  }

  /** @returns those that are still open */
  async endHeld(wanted: readonly NotedConnection[]): Promise<readonly NotedConnection[]> {
    const open = await this.#openOf(wanted);
    if (open.length === 0) return [];
    const byCookie = new Map(open.map(({ connection }) => [connection.cookie, connection]));
    // protects: G8 an end begins with what the broker itself still has => void this.#endKept;
    await this.#work(() => this.#endKept(byCookie));
    const files = this.#filesAbout(open);
    try {
      while (byCookie.size > 0 && !this.isOver)
        if (await this.#work(() => this.#endSome(files, byCookie))) break;
    } finally {
      files.return(undefined);
    }
    return (await this.#openOf([...byCookie.values()])).map(({ connection }) => connection);
  }

  /** What no process holds ends with the run of its plugin, if that can have it. */
  async endRun(left: readonly NotedConnection[]): Promise<void> {
    const used = (await this.#look(left, true)).flatMap(([connection, look]) =>
      /* protects: G8 a plugin is not ended for a connection that it has not used => (void isUnused, void look, false) */ isUnused(
        look,
      )
        ? []
        : [connection],
    );
    // What is left of a former run has outlived its processes: another plugin hides it.
    const ofRun = used.find(
      ({ since }) =>
        /* protects: G8 a run of a plugin is not ended for what a former one has given away => true */ since >=
        (this.#plugin.runsSince ?? 0),
    );
    if (ofRun === undefined || this.#plugin.stall.hasEnded) return;
    const why = this.isOver ? 'its sandbox is too large to search' : 'no process holds it';
    process.stderr.write(
      `postern: broker: plugin ${this.#plugin.name}: a connection to ${ofRun.description?.host ?? 'a host'} must end (${this.#cause}), and ${why}: the plugin is ended\n`,
    );
    // protects: G7 what no process holds ends with its plugin
    this.#plugin.stall.end();
  }

  /** Those that a process holds, or that wait in a message. What a program has closed cannot be ended, and carries no more of its words. */
  async #openOf(connections: readonly NotedConnection[]): Promise<readonly Open[]> {
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

  /** Works in a turn of the event loop that no other search has. It may wait for a socket's lock, which a thread of the holder can have. */
  async #work<T>(work: () => T): Promise<T> {
    await nextTurn();
    const began = this.#clock();
    try {
      // protects: G8 a sandbox that is searched does not answer for the time => const [first] = this.#services.plugins.values(); return this.#services.guard.watch((first ?? this.#plugin).stall, work);
      return this.#services.guard.watch(this.#plugin.stall, () => this.#plugin.ending(work));
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
      const { done, value } = files.next();
      if (done === true) return true;
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
    endConnection(socket.number);
    this.#register.ended(connection, account, this.#cause);
  }

  /** The files of all sandboxes. First come the processes that made the connections, and then the others of the plugin: most connections are there. */
  *#filesAbout(open: readonly Open[]): Generator<HeldDescriptor | undefined> {
    const inodes = new Set(open.map(({ inode }) => inode));
    const makers = new Set(open.map(({ connection }) => connection.description?.pid));
    const { plugins } = this.#services;
    const owners = new Map<string, Plugin>();
    for (const one of [/* protects: G22 an end searches every sandbox */ ...plugins.values(), this.#plugin])
      if (one.pidNamespace !== undefined) owners.set(one.pidNamespace, one);
    const found: { readonly pid: number; readonly rank: number }[] = [];
    for (const process of processesIn(owners)) {
      yield undefined;
      if (process === undefined) continue;
      const { pid, owner } = process;
      found.push({ pid, rank: makers.has(pid) ? 0 : owner === this.#plugin ? 1 : 2 });
    }
    for (const { pid } of found.sort((one, other) => one.rank - other.rank)) yield* holdersIn(pid, inodes);
  }
}

let lastTurn: Promise<void> = Promise.resolve();

/** However many searches there are, one of them works in each turn of the event loop. They take turns. */
function nextTurn(): Promise<void> {
  // protects: G8 one end works in each turn of the event loop => lastTurn = setImmediate();
  lastTurn = lastTurn.then(() => setImmediate());
  return lastTurn;
}

interface Open {
  readonly connection: NotedConnection;
  readonly inode: number;
}

/** It has carried nothing in either direction. */
function isUnused(look: SocketLook | undefined): boolean {
  if (look?.kind !== 'there') return look?.kind === 'gone';
  const { account } = look;
  return account?.receivedBytes === 0 && (account.writtenBytes === 0 || !account.established);
}
