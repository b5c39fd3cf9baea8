// The broker's end of the link to the supervisor: JSON lines over a stream, packets with descriptors over another socket.
// Both ends are postern's own; what is not understood ends the broker.
import type { Socket } from 'node:net';
import { GATHER_MS, LAST_WORDS_MS, MAX_LINK_LINE_BYTES } from '../shared/limits.js';
import { LineReader } from '../shared/line-reader.js';
import type {
  BrokerLine,
  ChannelPacket,
  ConnectionsPacket,
  SandboxPacket,
  SupervisorLine,
  TrapPacket,
} from '../shared/protocol/link.js';
import { receiveMessage } from '../shared/sys/message.js';
import type { OwnedFd } from '../shared/sys/owned-fd.js';
import { errnoName, SystemError } from '../shared/sys/system-error.js';
import { READABLE, Watch } from '../shared/sys/uv-poll.js';
import type { TrapEnds } from './trap/trap-session.js';

/** Lines to and from the supervisor. What is sent in one turn of the event loop leaves as one write. */
export class LineLink {
  readonly #socket: Socket;
  #pending = '';
  #gathering: NodeJS.Timeout | undefined;

  /**
   * @param socket half-open: what is known when the supervisor ends its side is still written
   * @param onEnd called once the supervisor is gone
   * @param onLastWords called when it takes leave: what is sent then, and in the turn of the event loop behind it, still leaves
   */
  constructor(
    socket: Socket,
    onLine: (line: SupervisorLine) => void,
    onEnd: () => void,
    onLastWords: () => void = () => {},
  ) {
    this.#socket = socket;
    const reader = new LineReader((text) => onLine(JSON.parse(text) as SupervisorLine), MAX_LINK_LINE_BYTES);
    socket.on('data', (chunk) => {
      if (!reader.push(chunk)) throw new RangeError('A line of the link is too long');
    });
    socket.on('close', onEnd);
    socket.on('end', () => {
      setTimeout(onEnd, LAST_WORDS_MS);
      onLastWords();
      setImmediate(() => this.drain(onEnd));
    });
    socket.on('error', onEnd);
  }

  send(line: BrokerLine): void {
    this.#pending += `${JSON.stringify(line)}\n`;
    setImmediate(() => this.#flush());
  }

  /**
   * Sends a line that nobody waits for, within a few milliseconds.
   *
   * @param json one BrokerLine, encoded
   */
  sendSoon(json: string): void {
    this.#pending += `${json}\n`;
    this.#gathering ??= setTimeout(() => this.#flush(), GATHER_MS);
  }

  /** Calls back once all that was sent has left. */
  drain(done: () => void): void {
    const text = this.#pending;
    this.#pending = '';
    this.#socket.write(text, () => done());
  }

  /** About how many bytes wait for the supervisor to read. */
  get backlogBytes(): number {
    return this.#pending.length + this.#socket.writableLength;
  }

  #flush(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    const text = this.#pending;
    this.#pending = '';
    if (text !== '') this.#socket.write(text);
  }
}

/** The descriptors of a channel packet: the broker's ends, and with `answers` the plugin's. */
export interface ChannelEnds {
  readonly request: OwnedFd;
  readonly reply: OwnedFd;
  readonly pluginRequest: OwnedFd | undefined;
  readonly pluginReply: OwnedFd | undefined;
}

/** What becomes of each kind of packet. */
export interface PacketTakers {
  readonly channel: (packet: ChannelPacket, ends: ChannelEnds) => void;
  readonly connections: (packet: ConnectionsPacket, memory: OwnedFd) => void;
  readonly sandbox: (packet: SandboxPacket, init: OwnedFd) => void;
  readonly trap: (packet: TrapPacket, ends: TrapEnds) => void;
  readonly end: () => void;
}

/** Takes packets from the descriptor socket for as long as the process lives. */
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
      if (truncated) throw new RangeError('A packet of the link is cut short');
      dispatch(JSON.parse(Buffer.from(payload).toString('utf8')) as Packet, descriptors, take);
    }
  });
  watch.want(READABLE);
}

type Packet = ChannelPacket | ConnectionsPacket | SandboxPacket | TrapPacket;

function dispatch(packet: Packet, descriptors: readonly OwnedFd[], take: PacketTakers): void {
  if (packet.type === 'trap') take.trap(packet, trapEnds(descriptors));
  else if (packet.type === 'channel') take.channel(packet, channelEnds(packet, descriptors));
  else if (packet.type === 'connections') take.connections(packet, onlyOne(descriptors));
  else take.sandbox(packet, onlyOne(descriptors));
}

function channelEnds({ answers }: ChannelPacket, descriptors: readonly OwnedFd[]): ChannelEnds {
  const [request, reply, pluginRequest, pluginReply] = descriptors;
  const expected = answers === undefined ? 2 : 4;
  if (request === undefined || reply === undefined || descriptors.length !== expected) {
    throw new RangeError(`A channel packet with ${descriptors.length} descriptors`);
  }
  return { request, reply, pluginRequest, pluginReply };
}

function trapEnds(descriptors: readonly OwnedFd[]): TrapEnds {
  const [listener, calls, dnsDatagrams, dnsListener, ...more] = descriptors;
  if (
    listener === undefined ||
    calls === undefined ||
    dnsDatagrams === undefined ||
    dnsListener === undefined ||
    more.length > 0
  ) {
    throw new RangeError(`A trap packet with ${descriptors.length} descriptors`);
  }
  return { listener, calls, dnsDatagrams, dnsListener };
}

function onlyOne([descriptor, ...more]: readonly OwnedFd[]): OwnedFd {
  if (descriptor === undefined || more.length > 0)
    throw new RangeError('A packet for one descriptor with another count of them');
  return descriptor;
}
