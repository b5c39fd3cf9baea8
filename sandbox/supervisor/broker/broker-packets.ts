// Sends a broker the packets that carry descriptors: channels, traps, sandboxes, and the memory in which it notes connections. Runs in the
// supervisor, which never waits for a broker: a broker may hang. Packets that it does not receive wait in a bounded queue.
import { constants } from 'node:os';
import { UNRECEIVED_PACKETS } from '../../../shared/limits.js';
import type {
  ChannelPacket,
  ConnectionsPacket,
  EndsPacket,
  MarksPacket,
  RunEndedPacket,
  SandboxPacket,
  SocketFilePacket,
  TallyPacket,
  TrapPacket,
} from '../../../shared/protocol/link.js';
import { duplicate } from '../../../shared/sys/fcntl.js';
import { sendMessage } from '../../../shared/sys/message.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { Watch, WRITABLE } from '../../../shared/sys/uv-poll.js';
import type { Channel, KeptChannel, KeptConnections, KeptSandbox, KeptTrap } from './kept.js';

const { EAGAIN } = constants.errno;
/** Not among Node's constants. The same number on every processor that postern runs on. */
const ETOOMANYREFS = 109;
/** As a user, many descriptors in flight may be refused (ETOOMANYREFS). No event says when there is room. */
const REFUSED_PAUSE_MS = 20;

interface ChannelOptions {
  /** A former broker had it before. */
  readonly resumed?: ChannelPacket['resumed'];
  /** The plugin's request that the channel answers, with the plugin's ends of it. */
  readonly answers?: ChannelPacket['answers'];
  /** Closed as soon as the broker has them. */
  readonly handOver?: Channel['plugin'];
}

interface Packet {
  readonly bytes: Uint8Array;
  readonly descriptors: readonly OwnedFd[];
  /** Those of the descriptors that the packet owns. */
  readonly owned: readonly OwnedFd[];
}

/** Packets to one broker. Its successor gets the descriptors that a dying broker does not receive. */
export class BrokerPackets {
  readonly #socket: OwnedFd;
  readonly #onUnread: () => void;
  #waiting: Packet[] = [];
  /** With a descriptor of its own: another watch of the socket receives. */
  #watch: { readonly fd: OwnedFd; readonly room: Watch } | undefined;
  #pause: NodeJS.Timeout | undefined;
  #closed = false;

  /**
   * @param socket closed by its owner, after close()
   * @param onUnread ends a broker that receives nothing
   */
  constructor(socket: OwnedFd, onUnread: () => void = () => {}) {
    this.#socket = socket;
    this.#onUnread = onUnread;
  }

  /** How many packets wait for the broker. */
  get waiting(): number {
    return this.#waiting.length;
  }

  channel(
    { session, plugin, request, reply, over }: KeptChannel,
    { resumed = false, answers, handOver }: ChannelOptions = {},
  ): void {
    const owned = handOver === undefined ? [] : [handOver.request, handOver.reply];
    this.#send(
      { type: 'channel', plugin, session, resumed, answers, over },
      [request, reply, ...owned],
      owned,
    );
  }

  trap(trap: KeptTrap, resumed: boolean): void {
    const { number, plugin, landlockDeniesTcp, pluginId, noticeSocket, descriptors } = trap;
    const scratch = trap.scratch.map(String);
    const otherIds = pluginId !== undefined;
    this.#send(
      {
        type: 'trap',
        plugin,
        session: number,
        resumed,
        landlockDeniesTcp,
        scratch,
        otherIds,
        notify: noticeSocket !== undefined,
      },
      descriptors,
    );
  }

  connections({ packet, memory }: KeptConnections): void {
    this.#send(packet, [memory]);
  }

  /** @param reports of ended sockets @param handOver closed as soon as the broker has them */
  ends(reports: OwnedFd, handOver = false): void {
    this.#send({ type: 'ends' }, [reports], handOver ? [reports] : []);
  }

  /** @param memory of the plugins' marks */
  marks(memory: OwnedFd): void {
    this.#send({ type: 'marks' }, [memory]);
  }

  /** @param memory in which the broker counts its events */
  tally(memory: OwnedFd): void {
    this.#send({ type: 'tally' }, [memory]);
  }

  runEnded(plugin: string): void {
    this.#send({ type: 'run_ended', plugin }, []);
  }

  sandbox(plugin: string, { alarm, facts }: KeptSandbox): void {
    this.#send({ type: 'sandbox', plugin, ...facts }, [alarm.timer]);
  }

  /** @param file closed as soon as the broker has it */
  socketFile(plugin: string, id: number, file: OwnedFd): void {
    this.#send({ type: 'socket_file', plugin, id }, [file], [file]);
  }

  /** Drops what waits. The broker has ended. */
  close(): void {
    this.#closed = true;
    for (const packet of this.#waiting) dispose(packet);
    this.#waiting = [];
    this.#rest();
  }

  #send(
    packet:
      | ChannelPacket
      | ConnectionsPacket
      | EndsPacket
      | MarksPacket
      | RunEndedPacket
      | SandboxPacket
      | SocketFilePacket
      | TallyPacket
      | TrapPacket,
    descriptors: readonly OwnedFd[],
    owned: readonly OwnedFd[] = [],
  ): void {
    const entry = { bytes: Buffer.from(JSON.stringify(packet)), descriptors, owned };
    if (this.#closed) {
      dispose(entry);
      return;
    }
    this.#waiting.push(entry);
    if (this.#waiting.length === 1) this.#flush();
    // protects: G13 a broker that receives no packets is ended
    if (this.#waiting.length > UNRECEIVED_PACKETS) this.#onUnread();
  }

  /** Sends until the broker's buffer is full. */
  #flush(): void {
    let sent = 0;
    for (const packet of this.#waiting) {
      const result = this.#deliver(packet);
      if (result === -EAGAIN) break;
      if (result === -ETOOMANYREFS) {
        this.#waiting.splice(0, sent);
        this.#rest();
        this.#pause = setTimeout(() => this.#flush(), REFUSED_PAUSE_MS).unref();
        return;
      }
      dispose(packet);
      sent += 1;
    }
    this.#waiting.splice(0, sent);
    if (this.#waiting.length > 0) this.#awaitRoom();
    else this.#rest();
  }

  /** @returns minus errno. A packet about a session that has ended meanwhile has lost its descriptors: nobody needs it */
  #deliver({ bytes, descriptors }: Packet): number {
    if (!descriptors.every(({ open }) => open)) return 0;
    return sendMessage(
      this.#socket.number,
      bytes,
      descriptors.map(({ number }) => number),
    );
  }

  #awaitRoom(): void {
    if (this.#watch !== undefined) return;
    const fd = duplicate(this.#socket.number);
    const room = new Watch(fd.number, () => this.#flush());
    room.keepAlive(false);
    room.want(WRITABLE);
    this.#watch = { fd, room };
  }

  #rest(): void {
    clearTimeout(this.#pause);
    this.#watch?.room.close();
    this.#watch?.fd.close();
    this.#watch = undefined;
  }
}

function dispose({ owned }: Packet): void {
  for (const descriptor of owned) descriptor.close();
}
