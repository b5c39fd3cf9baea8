// What goes to a broker with descriptors: its channels, traps and sandboxes, and the memory that it counts in.
import type {
  ChannelPacket,
  ConnectionsPacket,
  SandboxPacket,
  TrapPacket,
} from '../../../shared/protocol/link.js';
import { sendMessage } from '../../../shared/sys/message.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import type { KeptChannel } from './channel-keeper.js';
import type { KeptConnections } from './connections-keeper.js';
import type { Channel } from './make-channel.js';
import type { KeptTrap } from './trap-keeper.js';

interface ChannelOptions {
  /** Another broker has had it before. */
  readonly resumed?: boolean;
  /** The request of a plugin's that it answers, with the plugin's ends, which go with it. */
  readonly answers?: ChannelPacket['answers'];
  readonly handOver?: Channel['plugin'];
}

/** To one broker. What one that is going does not get, its successor does. */
export class BrokerPackets {
  readonly #socket: OwnedFd;

  /** @param socket whoever made it closes it */
  constructor(socket: OwnedFd) {
    this.#socket = socket;
  }

  channel(
    { session, plugin, request, reply }: KeptChannel,
    { resumed = false, answers, handOver }: ChannelOptions = {},
  ): void {
    const handed = handOver === undefined ? [] : [handOver.request, handOver.reply];
    this.#send({ type: 'channel', plugin, session, resumed, answers }, [request, reply, ...handed]);
  }

  trap({ session, plugin, landlockDeniesTcp, descriptors }: KeptTrap, resumed: boolean): void {
    this.#send({ type: 'trap', plugin, session, resumed, landlockDeniesTcp }, descriptors);
  }

  connections({ packet, memory }: KeptConnections): void {
    this.#send(packet, [memory]);
  }

  sandbox(plugin: string, init: OwnedFd): void {
    this.#send({ type: 'sandbox', plugin }, [init]);
  }

  #send(
    packet: ChannelPacket | ConnectionsPacket | SandboxPacket | TrapPacket,
    descriptors: readonly OwnedFd[],
  ): void {
    const bytes = Buffer.from(JSON.stringify(packet));
    const numbers = descriptors.map(({ number }) => number);
    sendMessage(this.#socket.number, bytes, numbers, true);
  }
}
