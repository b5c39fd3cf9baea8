// A plugin's register of open connections, as the rest of the broker sees it: the steps of the data path claim a slot and fill it, and others ask what is open.
// Runs in the broker.

import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { Endpoint } from '../../shared/sys/sockaddr.js';
import { peerIn, type SocketLook } from '../../shared/sys/socket-diag.js';
import type { TcpAccount } from '../../shared/sys/socket-state.js';
import { type DecisionWord, DOORS, type Door, type EndCause } from '../../shared/words.js';
import type { Carried, ConnectionSlot, Counted } from './slot-memory.js';
import type { SocketEnds } from './socket-ends.js';

// Slots for a plugin's connections, as the steps of the data path see them.

/** A slot for one connection, claimed before the dial. */
export interface Claim {
  /** False: the limit is reached, with the connections that are being made. */
  readonly granted: boolean;
  /** Of the connection that holds the slot; undefined: none does. */
  readonly decisionId: string | undefined;
  /**
   * The plugin gets the connection: it is open from now on, until its socket ends.
   *
   * @param own the socket's own address
   * @param description noted with it, since the connection may end before it is accounted for, and the broker too
   */
  hold(socket: OwnedFd, own: Endpoint, peer: Endpoint, description: ConnectionDescription): void;
  /** The plugin has the connection, and it is accounted for. @param mayBeConnected what its event says */
  settle(mayBeConnected: boolean): void;
  /** Gives the slot back if no connection holds it. */
  release(): void;
  /** The plugin did not get the connection: gives the slot back in any case. */
  withdraw(): void;
}

/** A connection that has ended. */
export interface EndedConnection {
  readonly durationMs: number;
  /** Missing if it was too long for the register: the path of a socket may be. */
  readonly description: ConnectionDescription | undefined;
  /** Missing if the kernel's report was lost, or if it has forgotten: the program reset the connection. */
  readonly account: TcpAccount | undefined;
  /** Why postern has ended it. Missing: it has not. */
  readonly cause: EndCause | undefined;
}

/** Who accounts for what a register has noted. */
export interface ConnectionEvents {
  /** The plugin gets a connection. */
  held(): void;
  /** Connections have carried more since the last look at them, or since their start. */
  carried(more: Counted): void;
  /** A connection has ended that was established: its event will follow. A broker that dies before it frees the slot has counted one event too many, and never one too few. */
  owe(): void;
  /** Its slot is free. */
  ended(ended: EndedConnection): void;
}

/** An open connection of the register. */
export interface NotedConnection {
  readonly cookie: bigint;
  readonly since: number;
  readonly description: ConnectionDescription | undefined;
  readonly peer: Endpoint;
  /** It is being made: the plugin is still to get it, or the broker has not accounted for it. */
  readonly isUnderWay: boolean;
}

/** A connection that a process may hold, and by which file. */
export interface HeldConnection {
  readonly connection: NotedConnection;
  readonly inode: number;
}

/** No slot is free. */
export const REFUSED: Claim = {
  granted: false,
  decisionId: undefined,
  hold: () => {},
  settle: () => {},
  release: () => {},
  withdraw: () => {},
};

/** A register, as it is asked about its open connections. */
export interface OpenRegister {
  /** Those that a process holds, as far as it is known. */
  readonly cookies: readonly bigint[];
  /** @param cookies those that are wanted; missing: all that a process holds */
  noted(cookies?: readonly bigint[]): readonly NotedConnection[];
  /** See SocketDiag.look(). A connection that is not noted any more is `gone`. */
  look(connections: readonly NotedConnection[], accounts: boolean): readonly SocketLook[];
  /** A connection is over. @param cause undefined: postern has not ended it */
  ended(connection: NotedConnection, account: TcpAccount | undefined, cause: EndCause | undefined): void;
  /** Postern ends the plugin that holds them. */
  endWithPlugin(connections: readonly NotedConnection[], cause: EndCause): void;
}

export interface HostRegister extends OpenRegister {
  /**
   * Notes a connection before the plugin has it.
   *
   * @returns its claim; `full` if there is no room; undefined if the kernel knows nothing of such sockets
   */
  hold(socket: OwnedFd, description: ConnectionDescription): Claim | 'full' | undefined;
}

/** The register of a plugin. */
export interface Register extends OpenRegister {
  /** Its connections to UNIX sockets of the host. No limit counts them. Missing: they are not noted. */
  readonly hostSockets: HostRegister | undefined;
  readonly limit: number;
  /** Connections that a process holds. */
  readonly open: number;
  /** Connections whose end is not counted yet: those that a process holds, and those that are over. */
  readonly uncounted: number;
  /** Whether a claim would be granted, as far as it is known without a look at the open connections. */
  readonly hasRoom: boolean;
  claim(): Claim;
  /** Whether it has noted a connection. */
  has(cookie: bigint): boolean;
  /** A connection is over, and a process may still hold its socket. @param account missing: what was seen last counts */
  socketEnded(cookie: bigint, account: TcpAccount | undefined): void;
  /** @param limit undefined: there is none */
  bound(limit: number | undefined): void;
  /** So many of them, the newest first, in parts. The event loop turns before each. */
  newest(most: number, atOnce: number): AsyncIterable<readonly NotedConnection[]>;
  /** Looks at so many, those with the oldest look first, and notes what each has carried. It may wait for the lock of a connection. */
  survey(most: number): void;
  /** Notes what these have carried so far. It waits for the lock of each, which its plugin may keep. */
  count(cookies: readonly bigint[]): void;
  /** What all connections have carried since postern started: those that have ended, and those that are open when they were last counted. */
  total(): Carried;
  /** Those that a look has found over, and that the kernel has not reported: perhaps a process still holds them. Not all, if they are very many. @param isWanted asked with the cookie */
  over(milliseconds: number, isWanted: (cookie: bigint) => boolean): readonly HeldConnection[];
  /** Whether one has been so for so many milliseconds. */
  hasOver(milliseconds: number): boolean;
  /** When the plugin got its oldest open connection; undefined if it has none. */
  oldest(): number | undefined;
  /** Reports connections that no process holds any more, and those whose report has not come: this broker ends, or the plugin is gone, and what is not reported is lost. */
  reportLast(): void;
  close(): void;
}

/** For a plugin whose connections cannot be counted. */
export const NO_CONNECTIONS: Register = {
  hostSockets: undefined,
  limit: 0,
  open: 0,
  hasRoom: false,
  claim: () => REFUSED,
  has: () => false,
  socketEnded: () => {},
  bound: () => {},
  noted: () => [],
  over: () => [],
  hasOver: () => false,
  uncounted: 0,
  endWithPlugin: () => {},
  newest: async function* () {},
  survey: () => {},
  look: () => [],
  cookies: [],
  count: () => {},
  total: () => ({ sentBytes: 0, receivedBytes: 0 }),
  oldest: () => undefined,
  ended: () => {},
  reportLast: () => {},
  close: () => {},
};

// What the register knows about a connection besides its socket: what was asked for, what decided, and who asked. It lies
// in memory that the supervisor keeps, and a former broker wrote it, so it is checked when it is read.

export interface ConnectionDescription {
  readonly decision_id: string;
  readonly decision: DecisionWord;
  /** As it was asked for: a name or an address. */
  readonly host: string;
  readonly port: number;
  readonly rule: string | null;
  /** The address that was dialled. */
  readonly dialed: string;
  /** The names for which the DNS of the sandbox gave the address, the one that decided first. */
  readonly names: readonly string[];
  /** Somebody who was asked allowed it, and no rule did. */
  readonly approved: boolean;
  /**
   * Null: there is no proxy. Otherwise `dialed` is the proxy's address, and these were checked for what the proxy was asked for: none if it looks the
   * name up itself.
   */
  readonly tunnelled: readonly string[] | null;
  readonly door: Door;
  readonly pid: number | null;
  readonly program: string | null;
}

/** Writes a description. Where it is too long, it loses its last names, and at last its rule. */
export function writeDescription(slot: ConnectionSlot, description: ConnectionDescription): void {
  for (let count = description.names.length; count >= 0; count -= 1)
    if (slot.write(JSON.stringify({ ...description, names: description.names.slice(0, count) }))) return;
  slot.write(JSON.stringify({ ...description, names: [], rule: null }));
}

/** @returns undefined if there is none */
export function readDescription(slot: ConnectionSlot): ConnectionDescription | undefined {
  const { text } = slot;
  if (text === '') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isDescription(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isDescription(value: unknown): value is ConnectionDescription {
  if (typeof value !== 'object' || value === null) return false;
  const { decision_id, decision, host, port, rule, dialed, names, approved, tunnelled, door, pid, program } =
    value as Readonly<Record<string, unknown>>;
  const isTextOrNull = (one: unknown): boolean => one === null || typeof one === 'string';
  return (
    typeof decision_id === 'string' &&
    (decision === 'allow' || decision === 'would_deny') &&
    typeof host === 'string' &&
    typeof port === 'number' &&
    isTextOrNull(rule) &&
    typeof dialed === 'string' &&
    isListOfTexts(names) &&
    typeof approved === 'boolean' &&
    (tunnelled === null || isListOfTexts(tunnelled)) &&
    DOORS.some((word) => word === door) &&
    (pid === null || typeof pid === 'number') &&
    isTextOrNull(program)
  );
}

function isListOfTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

// The open connections of a register as the rest of the broker sees them.

/** A slot by its cookie. */
export type Entry = readonly [cookie: bigint, slot: ConnectionSlot];

/** Notes why the plugin ends that holds them. */
export function noteCause(entries: readonly Entry[], cause: EndCause): void {
  for (const [, slot] of entries) slot.cause = cause;
}

/** @returns nothing without a slot */
export function entryOf(cookie: bigint, slot: ConnectionSlot | undefined): readonly Entry[] {
  return slot === undefined ? [] : [[cookie, slot]];
}

export function notedOf(slot: ConnectionSlot): NotedConnection {
  const { cookie, since, id, isUnderWay } = slot;
  return { cookie, since, description: readDescription(slot), peer: peerIn(id), isUnderWay };
}

/** When the oldest began; undefined if there is none. */
export function oldestOf(slots: Iterable<ConnectionSlot>): number | undefined {
  let oldest: number | undefined;
  for (const { since } of slots) oldest = Math.min(oldest ?? since, since);
  return oldest;
}

/** The first of a map, with their keys. */
export function firstOf<K, V>(map: ReadonlyMap<K, V>, count: number): readonly (readonly [K, V])[] {
  const first: (readonly [K, V])[] = [];
  for (const entry of map) {
    if (first.length >= count) break;
    first.push(entry);
  }
  return first;
}

/** Whether a process holds a connection, as far as it is known. */
export function isHeld(look: SocketLook): boolean {
  return look.kind === 'unknown' || (look.kind === 'there' && look.inode !== 0);
}

/** Asks the kernel about some. @param accounts see SocketDiag.look() */
export function lookAt(
  ends: Pick<SocketEnds, 'look'>,
  entries: readonly Entry[],
  accounts: boolean,
): readonly (readonly [SocketLook, Entry])[] {
  const looks = ends.look(
    entries.map(([, { id }]) => id),
    accounts,
  );
  return entries.map((entry, at) => [looks[at] ?? { kind: 'unknown' }, entry]);
}
