// The broker's end of the packet socket to the supervisor: each packet says in JSON what its descriptors are. Runs in the broker. Both
// ends are postern's: a packet that is not as expected ends the broker.
import type {
  ChannelPacket,
  EndsPacket,
  MarksPacket,
  RunEndedPacket,
  TallyPacket,
  TrapPacket,
} from '../shared/protocol/link.js';
import { errnoName, SystemError } from '../shared/sys/libc.js';
import { receiveMessage } from '../shared/sys/message.js';
import type { OwnedFd } from '../shared/sys/owned-fd.js';
import { READABLE, Watch } from '../shared/sys/uv-poll.js';
import type { ChannelEnds } from './channel/session.js';
import type { PluginPacket, Plugins } from './plugins.js';
import type { EventTally } from './record/audit.js';
import type { TrapEnds } from './trap/trap-session.js';

/** The parts of a broker that packets are for. */
interface Takers {
  readonly plugins: Plugins;
  readonly tally: EventTally;
}

/** Takes packets from the descriptor socket while the process lives. @param end called once the supervisor has closed its end */
export function receivePackets(fd: number, takers: Takers, end: () => void): void {
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
        end();
        return;
      }
      const packet = JSON.parse(Buffer.from(payload).toString('utf8')) as Packet;
      if (truncated && !('plugin' in packet)) throw new RangeError('A packet of the link is cut short');
      // protects: G8 a packet without its descriptors ends one session => if (truncated) throw new RangeError('A packet is cut short'); else $&
      if (truncated) {
        for (const descriptor of descriptors) descriptor.close();
        takers.plugins.cutShort(packet as PluginPacket);
      } else dispatch(packet, descriptors, takers);
    }
  });
  watch.want(READABLE);
}

type Packet = PluginPacket | EndsPacket | MarksPacket | RunEndedPacket | TallyPacket;

/** What takes a packet of each type, and which descriptors come with it. */
const PACKETS: {
  readonly [T in Packet['type']]: (
    takers: Takers,
    packet: Packet & { readonly type: T },
    descriptors: readonly OwnedFd[],
  ) => void;
} = {
  channel: ({ plugins }, packet, descriptors) => plugins.attach(packet, channelEnds(packet, descriptors)),
  connections: ({ plugins }, packet, descriptors) =>
    plugins.noteConnections(packet, onlyOne(packet, descriptors)),
  ends: ({ plugins }, packet, descriptors) => plugins.attachEnds(onlyOne(packet, descriptors)),
  marks: ({ plugins }, packet, descriptors) => plugins.attachMarks(onlyOne(packet, descriptors)),
  run_ended: ({ plugins }, { plugin }) => plugins.endRun(plugin),
  sandbox: ({ plugins }, packet, descriptors) => plugins.attachSandbox(packet, onlyOne(packet, descriptors)),
  socket_file: ({ plugins }, packet, descriptors) =>
    plugins.orders.done(packet, onlyOne(packet, descriptors)),
  tally: ({ tally }, packet, descriptors) => tally.attach(onlyOne(packet, descriptors)),
  trap: ({ plugins }, packet, descriptors) => plugins.attachTrap(packet, trapEnds(packet, descriptors)),
};

function dispatch(packet: Packet, descriptors: readonly OwnedFd[], takers: Takers): void {
  const entry = PACKETS[packet.type] as
    | ((takers: Takers, packet: Packet, descriptors: readonly OwnedFd[]) => void)
    | undefined;
  if (entry === undefined) throw new RangeError(`No packet of the link is "${packet.type}"`);
  entry(takers, packet, descriptors);
}

function channelEnds({ type, answers }: ChannelPacket, descriptors: readonly OwnedFd[]): ChannelEnds {
  const [request, reply, pluginRequest, pluginReply] = descriptors;
  const count = answers === undefined ? 2 : 4;
  if (request === undefined || reply === undefined || descriptors.length !== count)
    throw miscounted(type, descriptors, count);
  return { request, reply, pluginRequest, pluginReply };
}

function trapEnds(
  { type, otherIds, notify: hasNotices }: TrapPacket,
  descriptors: readonly OwnedFd[],
): TrapEnds {
  const [notifyFd, calls, dnsDatagrams, dnsListener, root, ...more] = descriptors;
  const unixDiag = otherIds ? undefined : more.shift();
  const noticeSocket = hasNotices ? more.shift() : undefined;
  if (
    notifyFd === undefined ||
    calls === undefined ||
    dnsDatagrams === undefined ||
    dnsListener === undefined ||
    root === undefined ||
    otherIds !== (unixDiag === undefined) ||
    hasNotices !== (noticeSocket !== undefined) ||
    more.length > 0
  )
    throw miscounted(type, descriptors, 5 + (otherIds ? 0 : 1) + (hasNotices ? 1 : 0));
  return { notifyFd, calls, dnsDatagrams, dnsListener, unixDiag, root, noticeSocket };
}

function onlyOne({ type }: Packet, descriptors: readonly OwnedFd[]): OwnedFd {
  const [descriptor, ...more] = descriptors;
  if (descriptor === undefined || more.length > 0) throw miscounted(type, descriptors, 1);
  return descriptor;
}

function miscounted(type: string, { length }: readonly OwnedFd[], count: number): RangeError {
  return new RangeError(`A "${type}" packet of the link has ${length} descriptors, not ${count}`);
}
