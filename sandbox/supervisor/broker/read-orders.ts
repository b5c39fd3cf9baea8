// Reads and checks the broker's orders: to connect an AF_UNIX socket inside a sandbox, to open the file of a host's socket, to mark a socket, to set a
// folder's mode, to answer a caller. carry-out-orders.ts does them.
// Runs in the supervisor. The broker may have been taken over: an order is checked as a plugin's call would be. A packet of another form is dropped, and
// another thread closes its descriptors, since a close can wait.
import type {
  CallerAnswerPacket,
  FolderModePacket,
  HostSocketPacket,
  MarkSocketPacket,
  UnixConnectPacket,
} from '../../../shared/protocol/link.js';
import {
  count,
  fields,
  NONE,
  number,
  orMissing,
  parsed,
  refined,
  type Shape,
  text,
  word,
} from '../../../shared/protocol/shape.js';
import type { UnixTarget } from '../../../shared/sys/connect-inside.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import type { FolderMode, Inode } from '../../../shared/sys/set-folder-mode.js';
import { AF_UNIX } from '../../../shared/sys/sockaddr.js';
import { SentDescriptors, type SentPacket, type SentSocket } from '../orders/sent-descriptors.js';

// Each order as its packet has it, with what the supervisor has read of it.

export type UnixOrder = Omit<UnixConnectPacket, 'target'> & { readonly target: UnixTarget };
export type ModeOrder = Pick<FolderModePacket, 'type' | 'session' | 'id'> & { readonly change: FolderMode };
export type AnswerOrder = Omit<CallerAnswerPacket, 'answer'> & { readonly bytes: Uint8Array };

type Order = UnixOrder | MarkSocketPacket | HostSocketPacket | ModeOrder | AnswerOrder;
type OrderType = Order['type'];
type OrderOf<T extends OrderType> = Extract<Order, { readonly type: T }>;

/** What takes each order, and takes over its socket. undefined for an order with one: this process had no descriptor left for it. */
type OrderTakers = {
  readonly [T in OrderType]: (order: OrderOf<T>, socket: SentSocket | undefined) => void;
};

/** A path in base64, absolute and as C has it. */
const path: Shape<Buffer> = refined(text(), (encoded) => {
  const bytes = Buffer.from(encoded, 'base64');
  return bytes[0] === '/'.charCodeAt(0) && !bytes.includes(0) ? bytes : NONE;
});

/** A struct sockaddr_un in base64, with a name in the abstract namespace. */
const abstractAddress: Shape<Buffer> = refined(text(), (encoded) => {
  const bytes = Buffer.from(encoded, 'base64');
  return bytes.length > 2 && bytes[0] === AF_UNIX && bytes[1] === 0 && bytes[2] === 0 ? bytes : NONE;
});

const TARGETS: { readonly [K in UnixTarget['kind']]: Shape<Extract<UnixTarget, { readonly kind: K }>> } = {
  path: fields({ kind: word(['path']), path, self: orMissing(number) }),
  abstract: fields({ kind: word(['abstract']), address: abstractAddress }),
  listen: fields({
    kind: word(['listen']),
    backlog: refined(number, (backlog) => (Number.isInteger(backlog) ? backlog : NONE)),
  }),
};

const target: Shape<UnixTarget> = (value) => {
  for (const shape of Object.values<Shape<UnixTarget>>(TARGETS)) {
    const read = shape(value);
    if (read !== NONE) return read;
  }
  return NONE;
};

/** A struct ifreq has 40 bytes. */
const MOST_ANSWER_BYTES = 1024;
/** What a folder may have: all but S_ISUID. */
const MODES = 0o3777;
const DECIMAL = /^\d{1,20}$/;

const decimal: Shape<bigint> = refined(text(), (digits) => (DECIMAL.test(digits) ? BigInt(digits) : NONE));
const inode = fields<Inode>({ dev: decimal, ino: decimal, length: count() });

const change: Shape<FolderMode> = (value) => {
  const read = fields<Omit<FolderMode, 'inode'>>({
    path,
    self: orMissing(number),
    keepsLink: (keeps) => keeps === true,
    mode: count(
      /* protects: G14 folder modes: a broker that was taken over gets no set-uid bit from the supervisor => 0o7777 */ MODES,
    ),
  })(value);
  if (read === NONE) return NONE;
  const { inode: given } = value as { readonly inode?: unknown };
  if (given === undefined) return { ...read, inode: undefined };
  const known = inode(given);
  // It is the length of a part of the path.
  return known === NONE || known.length < 1 || known.length > read.path.length
    ? NONE
    : { ...read, inode: known };
};

interface Kind<T extends OrderType> {
  readonly shape: Shape<OrderOf<T>>;
  /** Whether a socket comes with it. */
  readonly hasSocket: boolean;
}

const ofTrap = { session: number, id: number };

const ORDERS: { readonly [T in OrderType]: Kind<T> } = {
  unix_connect: {
    shape: fields<UnixOrder>({ type: word(['unix_connect']), ...ofTrap, target }),
    hasSocket: true,
  },
  mark_socket: {
    shape: fields<MarkSocketPacket>({
      type: word(['mark_socket']),
      plugin: text(),
      id: number,
      mark: number,
    }),
    hasSocket: true,
  },
  host_socket: {
    shape: fields<HostSocketPacket>({
      type: word(['host_socket']),
      plugin: text(),
      id: number,
      path: text(),
    }),
    hasSocket: false,
  },
  folder_mode: {
    shape: (packet) => {
      const read = fields<Omit<ModeOrder, 'change'>>({ type: word(['folder_mode']), ...ofTrap })(packet);
      const changed = change(packet);
      return read === NONE || changed === NONE ? NONE : { ...read, change: changed };
    },
    hasSocket: false,
  },
  caller_answer: {
    shape: refined(
      fields<CallerAnswerPacket>({
        type: word(['caller_answer']),
        ...ofTrap,
        tid: count(),
        answer: text(),
      }),
      ({ answer, ...order }) => {
        const bytes = Buffer.from(answer, 'base64');
        return order.tid > 0 && bytes.length <= MOST_ANSWER_BYTES ? { ...order, bytes } : NONE;
      },
    ),
    hasSocket: false,
  },
};

const anyOrder: Shape<Order> = (packet) => {
  const typed = fields<{ readonly type: OrderType }>({ type: word(Object.keys(ORDERS) as OrderType[]) })(
    packet,
  );
  return typed === NONE ? NONE : ORDERS[typed.type].shape(packet);
};

/** @param payload of any length. @returns undefined for a packet that no broker of postern sends */
export function readOrder(payload: Uint8Array): Order | undefined {
  const order = parsed(Buffer.from(payload).toString('utf8'), anyOrder);
  return order === NONE ? undefined : order;
}

/** @param packets owned from here on @returns what ends that, and closes the socket */
export function receiveOrders(packets: OwnedFd, take: OrderTakers): () => void {
  const sent = new SentDescriptors(packets, (packet) => takeOrder(packet, take));
  return () => sent.end();
}

function takeOrder({ payload, socket, isCut }: SentPacket, take: OrderTakers): void {
  const order = readOrder(payload);
  const hasSocket = socket !== undefined || isCut;
  // The entry belongs to this order's type. The compiler cannot follow that through the table.
  if (order !== undefined && ORDERS[order.type].hasSocket === hasSocket)
    (take[order.type] as OrderTakers[OrderType])(order as never, socket);
  else socket?.close();
}
