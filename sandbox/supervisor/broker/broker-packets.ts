// Sends a broker the packets that carry descriptors: channels, traps, sandboxes, and the memory in which it counts connections.
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
import type { EndAlarm } from './end-alarm.js';
import type { Channel } from './make-channel.js';
import type { KeptTrap } from './trap-keeper.js';

interface ChannelOptions {
  /** A former broker had it before. */
  readonly resumed?: boolean;
  /** The plugin's request that the channel answers, with the plugin's ends of it. */
  readonly answers?: ChannelPacket['answers'];
  readonly handOver?: Channel['plugin'];
}

/** Packets to one broker. Its successor gets what a dying broker does not receive. */
export class BrokerPackets {
  readonly #socket: OwnedFd;

  /** @param socket closed by its maker */
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

  trap(trap: KeptTrap, resumed: boolean): void {
    const { session, plugin, landlockDeniesTcp, pluginId, descriptors } = trap;
    const scratch = trap.scratch.map(String);
    const otherIds = pluginId !== undefined;
    this.#send({ type: 'trap', plugin, session, resumed, landlockDeniesTcp, scratch, otherIds }, descriptors);
  }

  connections({ packet, memory }: KeptConnections): void {
    this.#send(packet, [memory]);
  }

  sandbox(plugin: string, { timer }: EndAlarm): void {
    this.#send({ type: 'sandbox', plugin }, [timer]);
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
