// The places for a plugin's connections, as the steps of the data path see them. Runs in the broker.
import type { EndCause } from '../../shared/reasons.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { Endpoint } from '../../shared/sys/sockaddr.js';
import type { SocketLook } from '../../shared/sys/socket-diag.js';
import type { TcpAccount } from '../../shared/sys/tcp-account.js';
import type { Carried } from './carried.js';
import type { ConnectionDescription } from './connection-description.js';

/** A place for one connection, claimed before the dial. */
export interface Claim {
  /** False: the limit is reached, with the connections that are being made. */
  readonly granted: boolean;
  /** Of the connection that holds the place; undefined: none does. */
  readonly decisionId: string | undefined;
  /**
   * The plugin gets the connection: it is open from now on, until its socket ends.
   *
   * @param own the socket's own address
   * @param description noted with it, since the connection may end before it is accounted for, and the broker too
   */
  hold(socket: OwnedFd, own: Endpoint, peer: Endpoint, description: ConnectionDescription): void;
  /** The plugin has the connection, and it is accounted for. @param connected what its event says */
  settle(connected: boolean): void;
  /** Gives the place back if no connection holds it. */
  release(): void;
  /** The plugin did not get the connection: gives the place back in any case. */
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
  /** A connection has ended that was established: its event will follow. A broker that dies before it frees the place has counted one event too many, and never one too few. */
  owe(): void;
  /** Its place is free. */
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

/** No place is free. */
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
  /** See SocketDiag.look(). A connection that is not noted any more is `gone`. */
  look(connections: readonly NotedConnection[], accounts: boolean): readonly SocketLook[];
  /** Postern has ended a connection. */
  ended(connection: NotedConnection, account: TcpAccount | undefined, cause: EndCause): void;
}

export interface HostSocketPlaces extends OpenRegister {
  /**
   * Notes a connection before the plugin has it.
   *
   * @returns its place; `full` if there is no room; undefined if the kernel knows nothing of such sockets
   */
  hold(socket: OwnedFd, description: ConnectionDescription): Claim | 'full' | undefined;
  noted(): readonly NotedConnection[];
}

/** Places for connections. */
export interface ConnectionPlaces extends OpenRegister {
  /** Its connections to UNIX sockets of the host. No limit counts them. Missing: they are not noted. */
  readonly hostSockets: HostSocketPlaces | undefined;
  readonly limit: number;
  /** Connections that a process holds. */
  readonly open: number;
  claim(): Claim;
  /** Whether it has noted a connection. */
  has(cookie: bigint): boolean;
  /** A connection is over, and a process may still hold its socket. @param account missing: what was seen last counts */
  socketEnded(cookie: bigint, account: TcpAccount | undefined): void;
  /** @param limit undefined: there is none */
  bound(limit: number | undefined): void;
  /** Those that a process holds, as far as it is known. */
  noted(): readonly NotedConnection[];
  /** So many of them, the newest first, in parts. The event loop turns before each. */
  newest(most: number, atOnce: number): AsyncIterable<readonly NotedConnection[]>;
  /** Looks at so many, those with the oldest look first, and notes what each has carried. It may wait for the lock of a connection. */
  survey(most: number): void;
  /** What those that have not ended have carried, as of the last look at each. */
  readonly carried: Pick<TcpAccount, 'sentBytes' | 'receivedBytes'>;
  /** Those that have not ended, as far as it is known. */
  readonly cookies: readonly bigint[];
  /** Notes what these have carried so far. It waits for the lock of each, which its plugin may keep. */
  count(cookies: readonly bigint[]): void;
  /** What all connections have carried since postern started: those that have ended, and those that are open when they were last counted. */
  total(): Carried;
  /** When the plugin got its oldest open connection; undefined if it has none. */
  oldest(): number | undefined;
  /** Reports connections that no process holds any more, and those whose report has not come: this broker ends, and what it did not report is lost. */
  reportLast(): void;
  close(): void;
}

/** For a plugin whose connections cannot be counted. */
export const NO_CONNECTIONS: ConnectionPlaces = {
  hostSockets: undefined,
  limit: 0,
  open: 0,
  claim: () => REFUSED,
  has: () => false,
  socketEnded: () => {},
  bound: () => {},
  noted: () => [],
  newest: async function* () {},
  survey: () => {},
  carried: { sentBytes: 0, receivedBytes: 0 },
  look: () => [],
  cookies: [],
  count: () => {},
  total: () => ({ sentBytes: 0, receivedBytes: 0 }),
  oldest: () => undefined,
  ended: () => {},
  reportLast: () => {},
  close: () => {},
};
