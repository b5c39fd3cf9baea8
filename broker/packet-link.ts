// The broker's end of the packet socket to the supervisor: each packet says in JSON what its descriptors are. Runs in the broker. Both
// ends are postern's: a packet that is not as expected ends the broker.
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
} from '../shared/protocol/link.js';
import { errnoName, SystemError } from '../shared/sys/libc.js';
import { receiveMessage } from '../shared/sys/message.js';
import type { OwnedFd } from '../shared/sys/owned-fd.js';
import { READABLE, Watch } from '../shared/sys/uv-poll.js';
import type { ChannelEnds } from './channel/session.js';
import type { TrapEnds } from './trap/trap-session.js';

/** Every packet that may come, and what takes it. */
export interface PacketTakers {
  readonly channel: (packet: ChannelPacket, ends: ChannelEnds) => void;
  readonly connections: (packet: ConnectionsPacket, memory: OwnedFd) => void;
  readonly ends: (reports: OwnedFd) => void;
  readonly marks: (memory: OwnedFd) => void;
  readonly runEnded: (plugin: string) => void;
  readonly sandbox: (packet: SandboxPacket, alarm: OwnedFd) => void;
  readonly socketFile: (packet: SocketFilePacket, file: OwnedFd) => void;
  readonly tally: (memory: OwnedFd) => void;
  readonly trap: (packet: TrapPacket, ends: TrapEnds) => void;
  /** Some descriptors of the packet are missing (MSG_CTRUNC): the broker has no room for them. */
  readonly cutShort: (packet: PluginPacket) => void;
  /** The supervisor has closed its end. */
  readonly end: () => void;
}

/** Takes packets from the descriptor socket while the process lives. */
export function receivePackets(fd: number, take: PacketTakers): void {
  const watch = new Watch(fd, () => {
    for (;;) {
      const message = receiveMessage(fd);
      if (typeof message === 'number') {
        const code = errnoName(-message);
        if (code === 'EAGAIN') return;
        throw new SystemError('recvmsg', -message, 'descriptor link');
      }
      const { payload, descriptors, truncated } = message;
      if (payload.length === 0 && descriptors.length === 0) {
        take.end();
        return;
      }
      const packet = JSON.parse(Buffer.from(payload).toString('utf8')) as Packet;
      if (truncated && !('plugin' in packet)) throw new RangeError('A packet of the link is cut short');
      // protects: G8 a packet without its descriptors ends one session => if (truncated) throw new RangeError('A packet is cut short'); else $&
      if (truncated) {
        for (const descriptor of descriptors) descriptor.close();
        take.cutShort(packet as PluginPacket);
      } else dispatch(packet, descriptors, take);
    }
  });
  watch.want(READABLE);
}

/** A packet about one plugin. */
export type PluginPacket = ChannelPacket | ConnectionsPacket | SandboxPacket | SocketFilePacket | TrapPacket;
type Packet = PluginPacket | EndsPacket | MarksPacket | RunEndedPacket | TallyPacket;

/** What takes a packet of each type, and which descriptors come with it. */
const PACKETS: {
  readonly [T in Packet['type']]: (
    take: PacketTakers,
    packet: Packet & { readonly type: T },
    descriptors: readonly OwnedFd[],
  ) => void;
} = {
  channel: (take, packet, descriptors) => take.channel(packet, channelEnds(packet, descriptors)),
  connections: (take, packet, descriptors) => take.connections(packet, onlyOne(packet, descriptors)),
  ends: (take, packet, descriptors) => take.ends(onlyOne(packet, descriptors)),
  marks: (take, packet, descriptors) => take.marks(onlyOne(packet, descriptors)),
  run_ended: (take, { plugin }) => take.runEnded(plugin),
  sandbox: (take, packet, descriptors) => take.sandbox(packet, onlyOne(packet, descriptors)),
  socket_file: (take, packet, descriptors) => take.socketFile(packet, onlyOne(packet, descriptors)),
  tally: (take, packet, descriptors) => take.tally(onlyOne(packet, descriptors)),
  trap: (take, packet, descriptors) => take.trap(packet, trapEnds(packet, descriptors)),
};

function dispatch(packet: Packet, descriptors: readonly OwnedFd[], take: PacketTakers): void {
  const entry = PACKETS[packet.type] as
    | ((take: PacketTakers, packet: Packet, descriptors: readonly OwnedFd[]) => void)
    | undefined;
  if (entry === undefined) throw new RangeError(`No packet of the link is "${packet.type}"`);
  entry(take, packet, descriptors);
}

function channelEnds({ type, answers }: ChannelPacket, descriptors: readonly OwnedFd[]): ChannelEnds {
  const [request, reply, pluginRequest, pluginReply] = descriptors;
  const count = answers === undefined ? 2 : 4;
  if (request === undefined || reply === undefined || descriptors.length !== count)
    throw miscounted(type, descriptors, count);
  return { request, reply, pluginRequest, pluginReply };
}

function trapEnds(
  { type, otherIds, notify: notifies }: TrapPacket,
  descriptors: readonly OwnedFd[],
): TrapEnds {
  const [notifyFd, calls, dnsDatagrams, dnsListener, root, ...more] = descriptors;
  const unixDiag = otherIds ? undefined : more.shift();
  const notify = notifies ? more.shift() : undefined;
  if (
    notifyFd === undefined ||
    calls === undefined ||
    dnsDatagrams === undefined ||
    dnsListener === undefined ||
    root === undefined ||
    otherIds !== (unixDiag === undefined) ||
    notifies !== (notify !== undefined) ||
    more.length > 0
  )
    throw miscounted(type, descriptors, 5 + (otherIds ? 0 : 1) + (notifies ? 1 : 0));
  return { notifyFd, calls, dnsDatagrams, dnsListener, unixDiag, root, notify };
}

function onlyOne({ type }: Packet, descriptors: readonly OwnedFd[]): OwnedFd {
  const [descriptor, ...more] = descriptors;
  if (descriptor === undefined || more.length > 0) throw miscounted(type, descriptors, 1);
  return descriptor;
}

function miscounted(type: string, { length }: readonly OwnedFd[], count: number): RangeError {
  return new RangeError(`A "${type}" packet of the link has ${length} descriptors, not ${count}`);
}
